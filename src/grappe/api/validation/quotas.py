"""ResourceQuotas and LimitRanges (https://kubernetes.io/docs/concepts/policy/)."""

from __future__ import annotations

from grappe.api import Object, quantity
from grappe.api.causes import duplicate, forbidden, invalid, required
from grappe.api.validation.resources import (
    COMPUTE,
    container_resource_name,
    is_quota_name,
    may_overcommit,
    quota_resource_name,
    resource_amount,
    resource_name,
)
from grappe.api.validation.rules import Causes, key_problems, list_differs

_SCOPES = (
    "BestEffort",
    "CrossNamespacePodAffinity",
    "NotBestEffort",
    "NotTerminating",
    "PriorityClass",
    "Terminating",
    "VolumeAttributesClass",
)
_EXCLUSIVE = (("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating"))
_WITHOUT_VALUES = _SCOPES[:4] + _SCOPES[5:6]
_LIMIT_TYPES = ("Container", "PersistentVolumeClaim", "Pod")
# Amounts that pods are counted by, whatever they are in.
_OF_PODS = frozenset(
    ("pods", *COMPUTE, *(f"{k}.{n}" for k in ("requests", "limits") for n in COMPUTE))
)
_SELECTS = "for scope selector"
_MUST_EXIST = (
    "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, "
    "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
    "ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity"
)


def resource_quota(obj: Object) -> Causes:
    yield from _quota_spec(obj.get("spec") or {})


def resource_quota_update(new: Object, old: Object) -> Causes:
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    yield from _quota_spec(spec)
    scopes = spec.get("scopes") or []
    if list_differs(scopes, before.get("scopes") or []):
        yield invalid("spec.scopes", scopes, "field is immutable")


def resource_quota_status(new: Object, old: Object) -> Causes:
    status = new.get("status") or {}
    for part in ("hard", "used"):
        yield from _amounts(status.get(part) or {}, f"status.{part}")


def _amounts(listed: Object, at: str) -> Causes:
    for name, value in listed.items():
        yield from quota_resource_name(name, f"{at}[{name}]")
        yield from resource_amount(name, value, f"{at}[{name}]")


def _quota_spec(spec: Object) -> Causes:
    hard, scopes = spec.get("hard") or {}, spec.get("scopes") or []
    yield from _amounts(hard, "spec.hard")
    for scope in scopes:
        if scope not in _SCOPES:
            yield invalid("spec.scopes", scopes, "unsupported scope")
        for name in sorted(hard):
            if is_quota_name(name) and not _counts(scope, name):
                yield invalid("spec.scopes", scopes, "unsupported scope applied to resource")
    yield from _conflicts(set(scopes), scopes)
    selector = spec.get("scopeSelector")
    if selector is None:
        return
    at = "spec.scopeSelector.matchExpressions"
    rules = selector.get("matchExpressions") or ()
    for rule in rules:
        yield from _scope_rule(rule, selector, hard, at)
    yield from _conflicts({rule.get("scopeName") for rule in rules}, scopes)


def _conflicts(named: set[str | None], scopes: list[str]) -> Causes:
    for pair in _EXCLUSIVE:
        if named.issuperset(pair):
            yield invalid("spec.scopes", scopes, "conflicting scopes")


def _counts(scope: str, name: str) -> bool:
    """Whether objects in a scope have this resource; what no pod has, no pod's scope limits."""
    if scope == "BestEffort":
        return name == "pods"
    if scope == "VolumeAttributesClass":
        return name in ("persistentvolumeclaims", "requests.storage")
    if scope in _SCOPES:
        return name in _OF_PODS
    return True


def _scope_rule(rule: Object, selector: Object, hard: Object, at: str) -> Causes:
    scope, operator = rule.get("scopeName") or "", rule.get("operator") or ""
    values = rule.get("values") or []
    if scope not in _SCOPES:
        yield invalid(f"{at}.scopeName", scope, "unsupported scope")
    for name in sorted(hard):
        if is_quota_name(name) and not _counts(scope, name):
            yield invalid(at, selector, "unsupported scope applied to resource")
    if scope in _WITHOUT_VALUES and operator != "Exists":
        yield invalid(f"{at}.operator", operator, _MUST_EXIST)
    if operator in ("In", "NotIn"):
        if not values:
            detail = f"must be at least one value when `operator` is 'In' or 'NotIn' {_SELECTS}"
            yield required(f"{at}.values", detail)
    elif operator in ("Exists", "DoesNotExist"):
        if values:
            detail = f"must be no value when `operator` is 'Exist' or 'DoesNotExist' {_SELECTS}"
            yield invalid(f"{at}.values", values, detail)
    else:
        yield invalid(f"{at}.operator", operator, "not a valid selector operator")


def limit_range(obj: Object) -> Causes:
    seen: set[str] = set()
    for i, limit in enumerate((obj.get("spec") or {}).get("limits") or ()):
        kind, at = limit.get("type") or "", f"spec.limits[{i}]"
        problems = key_problems(kind)
        for problem in problems:
            yield invalid(f"{at}.type", kind, problem)
        if not problems and "/" not in kind and kind not in _LIMIT_TYPES:
            detail = "must be a standard limit type or fully qualified"
            yield invalid(f"{at}.type", kind, detail)
        if kind in seen:
            yield duplicate(f"{at}.type", kind)
        seen.add(kind)
        yield from _limit(limit, kind, at)


def _limit(limit: Object, kind: str, at: str) -> Causes:
    rule = container_resource_name if kind in ("Pod", "Container") else resource_name
    named: set[str] = set()
    for part in ("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"):
        listed = limit.get(part) or {}
        if kind == "Pod" and part in ("default", "defaultRequest"):
            if listed:
                yield forbidden(f"{at}.{part}", "may not be specified when `type` is 'Pod'")
            continue
        for name in listed:
            yield from rule(name, f"{at}.{part}[{name}]")
        named |= set(listed)
    if kind == "PersistentVolumeClaim" and not any(
        "storage" in (limit.get(part) or {}) for part in ("min", "max")
    ):
        detail = "either minimum or maximum storage value is required, but neither was provided"
        yield required(f"{at}.limits", detail)
    for name in sorted(named):
        yield from _one_resource(limit, name, at)


# Of each pair of bounds the first may not be greater than the second: where that is told, of
# which of them, and how.
_BOUNDS = (
    ("min", "max", "min", 0, "min value {} is greater than max value {}"),
    ("min", "defaultRequest", "defaultRequest", 1,
     "min value {} is greater than default request value {}"),
    ("defaultRequest", "max", "defaultRequest", 0,
     "default request value {} is greater than max value {}"),
    ("defaultRequest", "default", "defaultRequest", 0,
     "default request value {} is greater than default limit value {}"),
    ("min", "default", "default", 0, "min value {} is greater than default value {}"),
    ("default", "max", "default", 1, "default value {} is greater than max value {}"),
)  # fmt: skip


def _one_resource(limit: Object, name: str, at: str) -> Causes:
    found = {
        part: amounts[name]
        for part in ("min", "max", "default", "defaultRequest", "maxLimitRequestRatio")
        if name in (amounts := limit.get(part) or {})
    }
    for low, high, told, which, detail in _BOUNDS:
        pair = found.get(low), found.get(high)
        if pair[0] is None or pair[1] is None or quantity.compare(pair[0], pair[1]) <= 0:
            continue
        yield invalid(f"{at}.{told}[{name}]", pair[which], detail.format(*pair))
    ratio = found.get("maxLimitRequestRatio")
    if ratio is not None:
        where = f"{at}.maxLimitRequestRatio[{name}]"
        if quantity.compare(ratio, "1") < 0:
            yield invalid(where, ratio, f"ratio {ratio} is less than 1")
        if "min" in found and "max" in found and quantity.parse(found["min"]) > 0:
            most = quantity.parse(found["max"]) / quantity.parse(found["min"])
            if quantity.parse(ratio) > most:
                detail = f"ratio {ratio} is greater than max/min = {float(most):.6f}"
                yield invalid(where, ratio, detail)
    default, asked = found.get("default"), found.get("defaultRequest")
    if default is None or asked is None or may_overcommit(name):
        return
    if quantity.compare(default, asked):
        detail = f"default value {default} must equal to defaultRequest value {asked} in {name}"
        yield invalid(f"{at}.defaultRequest[{name}]", asked, detail)
