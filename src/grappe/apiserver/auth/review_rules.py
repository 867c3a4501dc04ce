"""What a SubjectAccessReview, a SelfSubjectAccessReview and a LocalSubjectAccessReview may ask.

https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/subject-access-review-v1/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from grappe.api import Object
from grappe.api.causes import forbidden, invalid, required
from grappe.api.errors import Cause

_SELECTORS = ("fieldSelector", "labelSelector")


def problems_of(spec: Object, *, subject: bool) -> Iterator[Cause]:
    """All that is wrong with a question; `subject`: it must say about whom."""
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if resource is not None and path is not None:
        yield invalid(
            "spec.nonResourceAttributes",
            path,
            "cannot be specified in combination with resourceAttributes",
        )
    if resource is None and path is None:
        yield invalid(
            "spec.resourceAttributes",
            None,
            "exactly one of nonResourceAttributes or resourceAttributes must be specified",
        )
    if subject and not spec.get("user") and not spec.get("groups"):
        yield invalid("spec.user", "", "at least one of user or group must be specified")
    for name in _SELECTORS:
        selector = (resource or {}).get(name)
        if selector is not None:
            yield from _selector_problems(selector, f"spec.resourceAttributes.{name}")


def problems_of_local(spec: Object, namespace: str) -> Iterator[Cause]:
    """All that is wrong with a question about one namespace."""
    yield from problems_of(spec, subject=True)
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    asked = (resource or {}).get("namespace") or ""
    if resource is not None and asked != namespace:
        yield invalid("spec.resourceAttributes.namespace", asked, "must match metadata.namespace")
    if path is not None:
        yield invalid("spec.nonResourceAttributes", path, "disallowed on this kind of request")


def _selector_problems(selector: Object, where: str) -> Iterator[Cause]:
    raw, requirements = selector.get("rawSelector"), selector.get("requirements")
    if raw and requirements:
        told = "may not specified at the same time as requirements"
        yield invalid(f"{where}.rawSelector", raw, told)
    if not raw and not requirements:
        told = f"when {where} is specified, requirements or rawSelector is required"
        yield required(f"{where}.requirements", told)
    for index, requirement in enumerate(requirements or ()):
        place = f"{where}.requirements[{index}]"
        values = requirement.get("values")
        if not requirement.get("key"):
            yield required(f"{place}.key", "must be specified")
        match requirement.get("operator"):
            case "In" | "NotIn" if not values:
                told = "must be specified when `operator` is 'In' or 'NotIn'"
                yield required(f"{place}.values", told)
            case "Exists" | "DoesNotExist" if values:
                told = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
                yield forbidden(f"{place}.values", told)


def selected_fields(selector: Object) -> tuple[str, ...]:
    """The terms of a field selector that narrow a question. What says more than one equality
    narrows nothing here: a question too wide is never allowed for it."""
    terms = [term for term in (selector.get("rawSelector") or "").split(",") if term]
    for requirement in selector.get("requirements") or ():
        values: Any = requirement.get("values") or ()
        if requirement.get("operator") == "In" and len(values) == 1:
            terms.append(f"{requirement.get('key')}={values[0]}")
    return tuple(terms)
