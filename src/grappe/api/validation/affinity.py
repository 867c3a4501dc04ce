"""Where pods may run: node selectors, affinity, tolerations, topology spread.

https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/
"""

from __future__ import annotations

from collections.abc import Iterable

from grappe.api import Object, names
from grappe.api.causes import duplicate, forbidden, invalid, not_supported, required
from grappe.api.validation.rules import (
    Causes,
    label_selector,
    one_of,
    positive,
    qualified,
    requirement,
    value_problems,
    well_formed,
)

EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_MUST = "requiredDuringSchedulingIgnoredDuringExecution"
_NOT_POSITIVE = "must be greater than zero"
_WISH = "preferredDuringSchedulingIgnoredDuringExecution"


def tolerations(found: Iterable[Object], at: str) -> Causes:
    for i, toleration in enumerate(found):
        yield from _toleration(toleration, f"{at}[{i}]")


def _toleration(toleration: Object, at: str) -> Causes:
    key, operator = toleration.get("key") or "", toleration.get("operator") or ""
    value, effect = toleration.get("value") or "", toleration.get("effect") or ""
    if key:
        yield from qualified(key, f"{at}.key")
    elif operator != "Exists":
        detail = (
            "operator must be Exists when `key` is empty, which means "
            '"match all values and all keys"'
        )
        yield invalid(f"{at}.operator", operator, detail)
    if "tolerationSeconds" in toleration and effect != "NoExecute":
        detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        yield invalid(f"{at}.effect", effect, detail)
    if operator in ("", "Equal"):
        if problems := value_problems(value):
            yield invalid(f"{at}.operator", value, ";".join(problems))
    elif operator == "Exists":
        if value:
            detail = "value must be empty when `operator` is 'Exists'"
            yield invalid(f"{at}.operator", value, detail)
    else:
        yield not_supported(f"{at}.operator", operator, ("Equal", "Exists"))
    if effect and effect not in EFFECTS:
        yield not_supported(f"{at}.effect", effect, EFFECTS)


def taints(found: Iterable[Object], at: str) -> Causes:
    seen = set()
    for i, taint in enumerate(found):
        where = f"{at}[{i}]"
        yield from qualified(taint.get("key") or "", f"{where}.key")
        value = taint.get("value") or ""
        if problems := value_problems(value):
            yield invalid(f"{where}.value", value, ";".join(problems))
        yield from one_of(taint.get("effect"), f"{where}.effect", EFFECTS)
        identity = (taint.get("key"), taint.get("effect"))
        if identity in seen:
            yield duplicate(where, taint, "taints must be unique by key and effect pair")
        seen.add(identity)


def affinity(found: Object, at: str) -> Causes:
    if node := found.get("nodeAffinity"):
        yield from node_affinity(node, f"{at}.nodeAffinity")
    for kind in ("podAffinity", "podAntiAffinity"):
        pods = found.get(kind) or {}
        for i, term in enumerate(pods.get(_MUST) or ()):
            yield from _pod_term(term, f"{at}.{kind}.{_MUST}[{i}]")
        for i, wish in enumerate(pods.get(_WISH) or ()):
            where = f"{at}.{kind}.{_WISH}[{i}]"
            yield from _weight(wish, where)
            yield from _pod_term(wish.get("podAffinityTerm") or {}, f"{where}.podAffinityTerm")


def node_affinity(found: Object, at: str) -> Causes:
    if (must := found.get(_MUST)) is not None:
        yield from node_selector(must, f"{at}.{_MUST}")
    for i, wish in enumerate(found.get(_WISH) or ()):
        where = f"{at}.{_WISH}[{i}]"
        yield from _weight(wish, where)
        # A wish that cannot come true does no harm.
        preference = wish.get("preference") or {}
        yield from _node_term(preference, f"{where}.preference", values_too=False)


def _weight(wish: Object, at: str) -> Causes:
    weight = wish.get("weight", 0)
    if not 1 <= weight <= 100:
        yield invalid(f"{at}.weight", weight, "must be in the range 1-100")


def node_selector(selector: Object, at: str) -> Causes:
    """A `v1.NodeSelector`."""
    terms = selector.get("nodeSelectorTerms")
    if not terms:
        detail = "must have at least one node selector term"
        yield required(f"{at}.nodeSelectorTerms", detail)
    for i, term in enumerate(terms or ()):
        yield from _node_term(term, f"{at}.nodeSelectorTerms[{i}]")


def _node_term(term: Object, at: str, *, values_too: bool = True) -> Causes:
    for i, rule in enumerate(term.get("matchExpressions") or ()):
        where = f"{at}.matchExpressions[{i}]"
        yield from requirement(rule, where, bounds=True, values_too=values_too)
    for i, rule in enumerate(term.get("matchFields") or ()):
        yield from _field_rule(rule, f"{at}.matchFields[{i}]")


def _field_rule(rule: Object, at: str) -> Causes:
    """Of a node's fields only the name can be asked for."""
    operator, values = rule.get("operator") or "", rule.get("values") or []
    if operator in ("In", "NotIn"):
        if len(values) != 1:
            detail = (
                "must be only one value when `operator` is 'In' or 'NotIn' for node field selector"
            )
            yield required(f"{at}.values", detail)
    else:
        yield invalid(f"{at}.operator", operator, "not a valid selector operator")
    if rule.get("key") != "metadata.name":
        yield invalid(f"{at}.key", rule.get("key") or "", "not a valid field selector key")
        return
    for i, value in enumerate(values):
        yield from well_formed(value, f"{at}.values[{i}]", names.dns_subdomain_problems)


def _pod_term(term: Object, at: str) -> Causes:
    selector = term.get("labelSelector")
    yield from label_selector(selector, f"{at}.labelSelector")
    yield from label_selector(term.get("namespaceSelector"), f"{at}.namespaceSelector")
    for name in term.get("namespaces") or ():
        yield from well_formed(name, f"{at}.namespace", names.dns_label_problems)
    yield from _match_label_keys(term, selector, at)
    key = term.get("topologyKey") or ""
    if not key:
        yield required(f"{at}.topologyKey", "can not be empty")
    yield from qualified(key, f"{at}.topologyKey")


def _match_label_keys(term: Object, selector: Object | None, at: str) -> Causes:
    keys, not_keys = term.get("matchLabelKeys") or [], term.get("mismatchLabelKeys") or []
    for field, named in (("matchLabelKeys", keys), ("mismatchLabelKeys", not_keys)):
        if named and selector is None:
            detail = "must not be specified when labelSelector is not set"
            yield forbidden(f"{at}.{field}", detail)
            continue
        for i, key in enumerate(named):
            yield from qualified(key, f"{at}.{field}[{i}]")
    if selector and keys:
        # The keys have been turned into expressions by now; one more means that both name it.
        seen = set(selector.get("matchLabels") or ())
        for rule in selector.get("matchExpressions") or ():
            key = rule.get("key")
            if key in keys and key in seen:
                detail = "exists in both matchLabelKeys and labelSelector"
                yield invalid(f"{at}[{keys.index(key)}]", key, detail)
            seen.add(key)
    for i, key in enumerate(keys):
        if key in not_keys:
            detail = "exists in both matchLabelKeys and mismatchLabelKeys"
            yield invalid(f"{at}.matchLabelKeys[{i}]", key, detail)


def topology_spread(constraints: list[Object], at: str) -> Causes:
    for i, constraint in enumerate(constraints):
        where = f"{at}[{i}]"
        key, action = constraint.get("topologyKey") or "", constraint.get("whenUnsatisfiable") or ""
        yield from positive(constraint.get("maxSkew", 0), f"{where}.maxSkew", _NOT_POSITIVE)
        if not key:
            yield required(f"{where}.topologyKey", "can not be empty")
        if action not in ("DoNotSchedule", "ScheduleAnyway"):
            choice = ("DoNotSchedule", "ScheduleAnyway")
            yield not_supported(f"{where}.whenUnsatisfiable", action, choice)
        for later in constraints[i + 1 :]:
            if (later.get("topologyKey"), later.get("whenUnsatisfiable")) == (key, action):
                told = f"{{{key}, {action}}}"
                yield duplicate(f"{where}.{{topologyKey, whenUnsatisfiable}}", told)
                break
        domains = constraint.get("minDomains")
        yield from positive(domains, f"{where}.minDomains", _NOT_POSITIVE)
        if domains is not None and action != "DoNotSchedule":
            detail = f"can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}"
            yield invalid(f"{where}.minDomains", domains, detail)
        for field in ("nodeAffinityPolicy", "nodeTaintsPolicy"):
            if field in constraint and constraint[field] not in ("Honor", "Ignore"):
                yield not_supported(f"{where}.{field}", constraint[field], ("Honor", "Ignore"))
        yield from _match_label_keys(constraint, constraint.get("labelSelector"), where)
        yield from label_selector(constraint.get("labelSelector"), f"{where}.labelSelector")
