"""Pods and pod templates
(https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/)."""

from __future__ import annotations

import copy

from grappe.api import Object, names
from grappe.api.causes import forbidden, invalid, required
from grappe.api.validation import containers, volumes
from grappe.api.validation.rules import (
    Causes,
    expressions,
    label_map,
    label_selector,
    named,
    not_negative,
    one_of,
    positive,
)

_RESTART_POLICIES = ("Always", "OnFailure", "Never")
_DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_MAX_DEADLINE = 2**31 - 1
_MAY_CHANGE = (
    "pod updates may not change fields other than `spec.containers[*].image`,"
    "`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only "
    "additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set "
    "to 1 if it was previously negative)"
)


def validate(obj: Object) -> Causes:
    yield from spec(obj.get("spec") or {}, "spec")


def template(found: Object, at: str) -> Causes:
    """A pod template; `at` is its path."""
    metadata = found.get("metadata") or {}
    yield from label_map(metadata.get("labels"), f"{at}.labels")
    for key in metadata.get("annotations") or {}:
        for problem in names.qualified_name_problems(key.lower()):
            yield invalid(f"{at}.annotations", key, problem)
    yield from spec(found.get("spec") or {}, f"{at}.spec")


def spec(found: Object, at: str) -> Causes:
    """A pod spec; `at` is its path."""
    yield from volumes.validate_all(found.get("volumes") or (), f"{at}.volumes")
    yield from containers.validate_all(found, at)
    yield from one_of(found.get("restartPolicy"), f"{at}.restartPolicy", _RESTART_POLICIES)
    yield from one_of(found.get("dnsPolicy"), f"{at}.dnsPolicy", _DNS_POLICIES)
    yield from _dns_config(found, at)
    yield from label_map(found.get("nodeSelector"), f"{at}.nodeSelector")
    if account := found.get("serviceAccountName"):
        yield from named(account, f"{at}.serviceAccountName", names.dns_subdomain_problems)
    if node := found.get("nodeName"):
        yield from named(node, f"{at}.nodeName", names.dns_subdomain_problems)
    for field in ("hostname", "subdomain"):
        if value := found.get(field):
            yield from named(value, f"{at}.{field}", names.dns_label_problems)
    deadline = found.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= _MAX_DEADLINE:
        detail = names.range_problem(1, _MAX_DEADLINE)
        yield invalid(f"{at}.activeDeadlineSeconds", deadline, detail)
    yield from _security(found.get("securityContext") or {}, f"{at}.securityContext")
    for i, toleration in enumerate(found.get("tolerations") or ()):
        yield from _toleration(toleration, f"{at}.tolerations[{i}]")
    for i, secret in enumerate(found.get("imagePullSecrets") or ()):
        if not secret.get("name"):
            yield required(f"{at}.imagePullSecrets[{i}].name")
    for i, gate in enumerate(found.get("readinessGates") or ()):
        for problem in names.qualified_name_problems(gate.get("conditionType") or ""):
            where = f"{at}.readinessGates[{i}].conditionType"
            yield invalid(where, gate.get("conditionType"), problem)
    for i, alias in enumerate(found.get("hostAliases") or ()):
        for name in alias.get("hostnames") or ():
            for problem in names.dns_subdomain_problems(name):
                yield invalid(f"{at}.hostAliases[{i}].hostnames", name, problem)
    yield from _affinity(found.get("affinity") or {}, f"{at}.affinity")
    yield from _spread(found.get("topologySpreadConstraints") or [], at)


def _dns_config(found: Object, at: str) -> Causes:
    config = found.get("dnsConfig") or {}
    if found.get("dnsPolicy") == "None" and not config.get("nameservers"):
        detail = 'must provide at least one DNS nameserver when `dnsPolicy` is "None"'
        yield required(f"{at}.dnsConfig.nameservers", detail)


def _security(context: Object, at: str) -> Causes:
    for field in ("runAsUser", "runAsGroup", "fsGroup"):
        yield from not_negative(context.get(field), f"{at}.{field}")


def _toleration(toleration: Object, at: str) -> Causes:
    key, operator = toleration.get("key") or "", toleration.get("operator") or "Equal"
    if key:
        for problem in names.qualified_name_problems(key):
            yield invalid(f"{at}.key", key, problem)
    elif operator != "Exists":
        detail = (
            "operator must be Exists when `key` is empty, which means "
            '"match all values and all keys"'
        )
        yield invalid(f"{at}.operator", operator, detail)
    if toleration.get("tolerationSeconds") is not None and toleration.get("effect") != "NoExecute":
        detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
        yield invalid(f"{at}.effect", toleration.get("effect") or "", detail)
    if operator == "Equal":
        for problem in names.label_value_problems(toleration.get("value") or ""):
            yield invalid(f"{at}.operator", toleration["value"], problem)
    elif operator == "Exists":
        if toleration.get("value"):
            detail = "value must be empty when `operator` is 'Exists'"
            yield invalid(f"{at}.operator", toleration, detail)
    else:
        yield from one_of(operator, f"{at}.operator", ("Equal", "Exists"))
    yield from one_of(toleration.get("effect"), f"{at}.effect", _EFFECTS, optional=True)


def _affinity(affinity: Object, at: str) -> Causes:
    node = affinity.get("nodeAffinity") or {}
    must = node.get("requiredDuringSchedulingIgnoredDuringExecution")
    where = f"{at}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution"
    if must is not None and not must.get("nodeSelectorTerms"):
        detail = "must have at least one node selector term"
        yield required(f"{where}.nodeSelectorTerms", detail)
    for i, term in enumerate((must or {}).get("nodeSelectorTerms") or ()):
        yield from _node_term(term, f"{where}.nodeSelectorTerms[{i}]")
    for i, wish in enumerate(node.get("preferredDuringSchedulingIgnoredDuringExecution") or ()):
        where = f"{at}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[{i}]"
        if not 1 <= wish.get("weight", 0) <= 100:
            yield invalid(f"{where}.weight", wish.get("weight", 0), "must be in the range 1-100")
        yield from _node_term(wish.get("preference") or {}, f"{where}.preference")
    for kind in ("podAffinity", "podAntiAffinity"):
        found = affinity.get(kind) or {}
        for i, term in enumerate(found.get("requiredDuringSchedulingIgnoredDuringExecution") or ()):
            where = f"{at}.{kind}.requiredDuringSchedulingIgnoredDuringExecution[{i}]"
            yield from _pod_term(term, where)
        for i, wish in enumerate(
            found.get("preferredDuringSchedulingIgnoredDuringExecution") or ()
        ):
            where = f"{at}.{kind}.preferredDuringSchedulingIgnoredDuringExecution[{i}]"
            if not 1 <= wish.get("weight", 0) <= 100:
                detail = "must be in the range 1-100"
                yield invalid(f"{where}.weight", wish.get("weight", 0), detail)
            yield from _pod_term(wish.get("podAffinityTerm") or {}, f"{where}.podAffinityTerm")


def _node_term(term: Object, at: str) -> Causes:
    found = term.get("matchExpressions") or ()
    yield from expressions(found, f"{at}.matchExpressions", bounds=True)


def _pod_term(term: Object, at: str) -> Causes:
    yield from label_selector(term.get("labelSelector"), f"{at}.labelSelector")
    key = term.get("topologyKey")
    if not key:
        yield required(f"{at}.topologyKey", "can not be empty")
    else:
        for problem in names.qualified_name_problems(key):
            yield invalid(f"{at}.topologyKey", key, problem)


def _spread(constraints: list[Object], at: str) -> Causes:
    for i, constraint in enumerate(constraints):
        where = f"{at}.topologySpreadConstraints[{i}]"
        yield from positive(constraint.get("maxSkew", 0), f"{where}.maxSkew")
        if not constraint.get("topologyKey"):
            yield required(f"{where}.topologyKey", "can not be empty")
        actions = ("DoNotSchedule", "ScheduleAnyway")
        yield from one_of(
            constraint.get("whenUnsatisfiable"), f"{where}.whenUnsatisfiable", actions
        )
        yield from label_selector(constraint.get("labelSelector"), f"{where}.labelSelector")


def validate_update(new: Object, old: Object) -> Causes:
    """A running pod's spec is settled but for a few fields."""
    if new.get("spec") == old.get("spec"):
        return
    for part in ("containers", "initContainers"):
        if len(new["spec"].get(part) or ()) != len(old["spec"].get(part) or ()):
            yield forbidden(f"spec.{part}", "pod updates may not add or remove containers")
            return
    if not _tolerations_only_added(new["spec"], old["spec"]):
        detail = "existing toleration can not be modified except its tolerationSeconds"
        yield forbidden("spec.tolerations", detail)
        return
    deadline, before = (s.get("activeDeadlineSeconds") for s in (new["spec"], old["spec"]))
    if before is not None and (deadline is None or deadline > before):
        detail = "must be less than or equal to previous value"
        yield invalid("spec.activeDeadlineSeconds", deadline, detail)
        return
    if _settled(new["spec"], old["spec"]) != _settled(old["spec"], old["spec"]):
        yield forbidden("spec", _MAY_CHANGE)


def _tolerations_only_added(new: Object, old: Object) -> bool:
    def plain(toleration: Object) -> Object:
        return {k: v for k, v in toleration.items() if k != "tolerationSeconds"}

    now = [plain(t) for t in new.get("tolerations") or ()]
    return all(plain(t) in now for t in old.get("tolerations") or ())


def _settled(spec: Object, old: Object) -> Object:
    """A spec without what an update may change."""
    kept = copy.copy(spec)
    for field in ("activeDeadlineSeconds", "tolerations"):
        kept.pop(field, None)
    if (old.get("terminationGracePeriodSeconds") or 0) < 0:
        kept.pop("terminationGracePeriodSeconds", None)
    if old.get("schedulingGates"):
        for field in ("schedulingGates", "nodeSelector", "affinity"):
            kept.pop(field, None)
    for part in ("containers", "initContainers"):
        if part in kept:
            kept[part] = [{**c, "image": ""} for c in kept[part]]
    return kept
