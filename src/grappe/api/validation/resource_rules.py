"""Rules that say which operations on which resources something is about (`RuleWithOperations`)."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.causes import invalid, not_supported, required
from grappe.api.validation.rules import Causes

_OPERATIONS = ("*", "CONNECT", "CREATE", "DELETE", "UPDATE")
_SCOPES = ("*", "Cluster", "Namespaced")


def resource_rule(rule: Object, at: str) -> Causes:
    for field, what in (
        ("operations", "operations"),
        ("apiGroups", "API groups"),
        ("apiVersions", "API versions"),
    ):
        values = rule.get(field) or []
        if not values:
            yield required(f"{at}.{field}")
        if len(values) > 1 and "*" in values:
            detail = f"if '*' is present, must not specify other {what}"
            yield invalid(f"{at}.{field}", values, detail)
    for index, operation in enumerate(rule.get("operations") or ()):
        if operation not in _OPERATIONS:
            yield not_supported(f"{at}.operations[{index}]", operation, _OPERATIONS)
    for index, version in enumerate(rule.get("apiVersions") or ()):
        if not version:
            yield required(f"{at}.apiVersions[{index}]")
    yield from _resources(rule.get("resources") or [], f"{at}.resources")
    scope = rule.get("scope")
    if scope is not None and scope not in _SCOPES:
        yield not_supported(f"{at}.scope", scope, _SCOPES)


def _resources(resources: list[str], at: str) -> Causes:
    if not resources:
        yield required(at)
    for index, text in enumerate(resources):
        resource, slash, sub = text.partition("/")
        if not text:
            yield required(f"{at}[{index}]")
        for wider in (f"{resource}/*", f"*/{sub}"):
            if slash and wider != text and wider in resources[:index]:
                detail = f"if '{wider}' is present, must not specify {text}"
                yield invalid(f"{at}[{index}]", text, detail)
    if len(resources) > 1 and "*/*" in resources:
        detail = "if '*/*' is present, must not specify other resources"
        yield invalid(at, resources, detail)
    if "*" in resources and any(text != "*" and "/" not in text for text in resources):
        detail = "if '*' is present, must not specify other resources without subresources"
        yield invalid(at, resources, detail)
