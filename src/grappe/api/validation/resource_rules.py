"""Rules that say which operations on which resources something is about (`RuleWithOperations`):
those of webhooks and of admission policies.
"""

from __future__ import annotations

from grappe.api import Object
from grappe.api.causes import invalid, not_supported, required
from grappe.api.validation.rules import Causes

_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SCOPES = ("*", "Cluster", "Namespaced")


def resource_rule(rule: Object, at: str) -> Causes:
    yield from _all_or_some(rule, at, "operations", "operations")
    for index, operation in enumerate(rule.get("operations") or ()):
        if operation not in _OPERATIONS:
            yield not_supported(f"{at}.operations[{index}]", operation, _OPERATIONS)
    yield from _all_or_some(rule, at, "apiGroups", "API groups")
    yield from _all_or_some(rule, at, "apiVersions", "API versions")
    for index, version in enumerate(rule.get("apiVersions") or ()):
        if not version:
            yield required(f"{at}.apiVersions[{index}]")
    yield from _resources(rule.get("resources") or [], f"{at}.resources")
    scope = rule.get("scope")
    if scope is not None and scope not in _SCOPES:
        yield not_supported(f"{at}.scope", scope, _SCOPES)


def _all_or_some(rule: Object, at: str, field: str, what: str) -> Causes:
    values = rule.get(field) or []
    if not values:
        yield required(f"{at}.{field}")
    if len(values) > 1 and "*" in values:
        detail = f"if '*' is present, must not specify other {what}"
        yield invalid(f"{at}.{field}", values, detail)


def _resources(resources: list[str], at: str) -> Causes:
    if not resources:
        yield required(at)
    every_subresource, of_every_resource = set(), set()
    whole = False  # as Kubernetes has it: the last name without a subresource decides
    for index, text in enumerate(resources):
        resource, separator, sub = text.partition("/")
        if not text:
            yield required(f"{at}[{index}]")
        elif not separator:
            whole = text != "*"
        else:
            if resource in every_subresource:
                detail = f"if '{resource}/*' is present, must not specify {text}"
                yield invalid(f"{at}[{index}]", text, detail)
            if sub in of_every_resource:
                detail = f"if '*/{sub}' is present, must not specify {text}"
                yield invalid(f"{at}[{index}]", text, detail)
            if sub == "*":
                every_subresource.add(resource)
            if resource == "*":
                of_every_resource.add(sub)
    if len(resources) > 1 and "*/*" in resources:
        detail = "if '*/*' is present, must not specify other resources"
        yield invalid(at, resources, detail)
    if "*" in resources and whole:
        detail = "if '*' is present, must not specify other resources without subresources"
        yield invalid(at, resources, detail)
