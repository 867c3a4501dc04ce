"""FlowSchemas and PriorityLevelConfigurations
(https://kubernetes.io/docs/concepts/cluster-administration/flow-control/)."""

from __future__ import annotations

from grappe.api import Object, names
from grappe.api.causes import forbidden, invalid, not_supported, required
from grappe.api.validation.rules import Causes, named, not_negative, well_formed

_VERBS = (
    "create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch",
)  # fmt: skip
_HIGHEST_PRECEDENCE = 10_000
_MOST_QUEUES = 10_000_000


def flow_schema(obj: Object) -> Causes:
    spec, name = obj.get("spec") or {}, obj["metadata"].get("name")
    precedence, at = spec.get("matchingPrecedence", 1000), "spec.matchingPrecedence"
    if precedence <= 0:
        yield invalid(at, precedence, "must be a positive value")
    if precedence > _HIGHEST_PRECEDENCE:
        yield invalid(at, precedence, f"must not be greater than {_HIGHEST_PRECEDENCE}")
    if precedence == 1 and name != "exempt":
        detail = "only the schema named 'exempt' may have matchingPrecedence 1"
        yield invalid(at, precedence, detail)
    method, choice = spec.get("distinguisherMethod"), ("ByNamespace", "ByUser")
    if method is not None and method.get("type") not in choice:
        yield not_supported("spec.distinguisherMethod", method.get("type") or "", choice)
    level = (spec.get("priorityLevelConfiguration") or {}).get("name") or ""
    if not level:
        yield required("spec.priorityLevelConfiguration.name", "must reference a priority level")
    else:
        where = "spec.priorityLevelConfiguration.name"
        yield from well_formed(level, where, names.dns_subdomain_problems)
    for i, rule in enumerate(spec.get("rules") or ()):
        yield from _rule(rule, f"spec.rules[{i}]")


def _rule(rule: Object, at: str) -> Causes:
    subjects = rule.get("subjects") or ()
    if not subjects:
        yield required(f"{at}.subjects", "subjects must contain at least one value")
    for i, subject in enumerate(subjects):
        yield from _subject(subject, f"{at}.subjects[{i}]")
    resources, paths = rule.get("resourceRules") or (), rule.get("nonResourceRules") or ()
    if not resources and not paths:
        detail = "at least one of resourceRules and nonResourceRules has to be non-empty"
        yield required(at, detail)
    for i, found in enumerate(resources):
        yield from _resource_rule(found, f"{at}.resourceRules[{i}]")
    for i, found in enumerate(paths):
        yield from _path_rule(found, f"{at}.nonResourceRules[{i}]")


def _subject(subject: Object, at: str) -> Causes:
    kinds = {"Group": "group", "ServiceAccount": "serviceAccount", "User": "user"}
    kind = subject.get("kind") or ""
    if kind not in kinds:
        yield not_supported(f"{at}.kind", kind, tuple(kinds))
        return
    for other, field in kinds.items():
        given = subject.get(field)
        if other == kind and given is None:
            detail = f"{field} is required when subject kind is '{kind}'"
            yield required(f"{at}.{field}", detail)
        elif other != kind and given is not None:
            detail = f"{field} is forbidden when subject kind is not '{other}'"
            yield forbidden(f"{at}.{field}", detail)
        elif other == kind and kind == "ServiceAccount":
            yield from _account(given or {}, f"{at}.serviceAccount")
        elif other == kind and not (given or {}).get("name"):
            yield required(f"{at}.{field}.name")


def _account(account: Object, at: str) -> Causes:
    if account.get("name") != "*":
        yield from named(account.get("name"), f"{at}.name", names.dns_subdomain_problems)
    yield from named(account.get("namespace"), f"{at}.namespace", names.dns_label_problems)


def _verbs(verbs: list[str], at: str) -> Causes:
    if not verbs:
        yield required(at, "verbs must contain at least one value")
    elif "*" in verbs:
        if len(verbs) > 1:
            detail = "if '*' is present, must not specify other verbs"
            yield invalid(at, verbs, detail)
    elif not set(verbs) <= set(_VERBS):
        yield not_supported(at, verbs, ("*", *_VERBS))


def _resource_rule(rule: Object, at: str) -> Causes:
    yield from _verbs(rule.get("verbs") or [], f"{at}.verbs")
    for field, told, others in (
        ("apiGroups", "api group", "api groups"),
        ("resources", "resource", "resources"),
    ):
        listed = rule.get(field) or []
        if not listed:
            detail = f"resource rules must supply at least one {told}"
            yield required(f"{at}.{field}", detail)
        elif "*" in listed and len(listed) > 1:
            detail = f"if '*' is present, must not specify other {others}"
            yield invalid(f"{at}.{field}", listed, detail)
    namespaces = rule.get("namespaces") or []
    if not namespaces and not rule.get("clusterScope"):
        detail = "resource rules that are not cluster scoped must supply at least one namespace"
        yield required(f"{at}.namespaces", detail)
    elif "*" in namespaces and len(namespaces) > 1:
        detail = "if '*' is present, must not specify other namespaces"
        yield invalid(f"{at}.namespaces", namespaces, detail)
    else:
        for i, name in enumerate(namespaces):
            if name != "*":
                where = f"{at}.namespaces[{i}]"
                yield from well_formed(name, where, names.dns_label_problems)


def _path_rule(rule: Object, at: str) -> Causes:
    yield from _verbs(rule.get("verbs") or [], f"{at}.verbs")
    paths = rule.get("nonResourceURLs") or []
    where = f"{at}.nonResourceURLs"
    if not paths:
        yield required(where, "nonResourceURLs must contain at least one value")
    elif "*" in paths and len(paths) > 1:
        detail = "if '*' is present, must not specify other non-resource URLs"
        yield invalid(where, paths, detail)
    for i, path in enumerate(paths):
        if path == "*":
            continue
        if not path.startswith("/"):
            yield invalid(f"{where}[{i}]", path, "must start with slash")
        if " " in path:
            yield invalid(f"{where}[{i}]", path, "must not contain white-space")
        if "//" in path:
            yield invalid(f"{where}[{i}]", path, "must not contain double slash")
        if "*" in path[:-1] or (path.endswith("*") and not path.endswith("/*")):
            detail = "wildcard can only do suffix matching"
            yield invalid(f"{where}[{i}]", path, detail)


def priority_level(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    kind, limited, exempt = spec.get("type") or "", spec.get("limited"), spec.get("exempt")
    if kind == "Exempt":
        if limited is not None:
            yield forbidden("spec.limited", "must be nil if the type is not Limited")
        for field in ("nominalConcurrencyShares", "lendablePercent"):
            yield from _share((exempt or {}).get(field), f"spec.exempt.{field}")
    elif kind == "Limited":
        if exempt is not None:
            yield forbidden("spec.exempt", "must be nil if the type is Limited")
        if limited is None:
            yield required("spec.limited", "must not be empty when type is Limited")
        else:
            yield from _limited(limited, "spec.limited")
    else:
        yield not_supported("spec.type", kind, ("Exempt", "Limited"))


def _share(value: int | None, at: str) -> Causes:
    if at.endswith("lendablePercent"):
        if value is not None and not 0 <= value <= 100:
            yield invalid(at, value, "must be between 0 and 100, inclusive")
    else:
        yield from not_negative(value, at)


def _limited(limited: Object, at: str) -> Causes:
    yield from not_negative(
        limited.get("nominalConcurrencyShares"), f"{at}.nominalConcurrencyShares"
    )
    yield from _share(limited.get("lendablePercent"), f"{at}.lendablePercent")
    borrowed = limited.get("borrowingLimitPercent")
    yield from not_negative(borrowed, f"{at}.borrowingLimitPercent")
    response = limited.get("limitResponse") or {}
    kind, queuing = response.get("type") or "", response.get("queuing")
    where = f"{at}.limitResponse"
    if kind == "Reject":
        if queuing is not None:
            detail = "must be nil if limited.limitResponse.type is not Limited"
            yield forbidden(f"{where}.queuing", detail)
    elif kind == "Queue":
        if queuing is None:
            detail = "must not be empty if limited.limitResponse.type is Limited"
            yield required(f"{where}.queuing", detail)
        else:
            yield from _queuing(queuing, f"{where}.queuing")
    else:
        yield not_supported(f"{where}.type", kind, ("Queue", "Reject"))


def _queuing(queuing: Object, at: str) -> Causes:
    queues, hand = queuing.get("queues", 64), queuing.get("handSize", 8)
    if queuing.get("queueLengthLimit", 50) <= 0:
        yield invalid(f"{at}.queueLengthLimit", queuing["queueLengthLimit"], "must be positive")
    if hand <= 0:
        yield invalid(f"{at}.handSize", hand, "must be positive")
    elif hand > queues:
        detail = f"should not be greater than queues ({queues})"
        yield invalid(f"{at}.handSize", hand, detail)
    if queues <= 0:
        yield invalid(f"{at}.queues", queues, "must be positive")
    elif queues > _MOST_QUEUES:
        yield invalid(f"{at}.queues", queues, f"must not be greater than {_MOST_QUEUES}")
