"""Deployments, ReplicaSets, ReplicationControllers, StatefulSets, DaemonSets, their revisions."""

from __future__ import annotations

from typing import Any

from grappe.api import Object, names
from grappe.api.causes import forbidden, invalid, not_supported, required
from grappe.api.validation import pods
from grappe.api.validation.rules import (
    Causes,
    at_most_100_percent,
    immutable,
    label_selector,
    none_negative,
    not_negative,
    selects,
    well_formed,
    whole_or_percent,
)

UNMATCHED = "`selector` does not match template `labels`"


def _selector(spec: Object, whose: str) -> Causes:
    selector = spec.get("selector")
    if selector is None:
        yield required("spec.selector")
        return
    yield from label_selector(selector, "spec.selector")
    yield from _not_empty(selector, whose)


def _not_empty(selector: Object, whose: str) -> Causes:
    if not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield invalid("spec.selector", selector, f"empty selector is invalid for {whose}")


def _template(spec: Object, kind: str) -> Causes:
    """A template that the selector selects, of pods that run for ever."""
    template = spec.get("template") or {}
    yield from _selected(spec, template)
    yield from pods.template(template, "spec.template")
    yield from _for_ever(template, kind)


def _selected(spec: Object, template: Object) -> Causes:
    selector = spec.get("selector")
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selector is None or not selects(selector, labels):
        yield invalid("spec.template.metadata.labels", labels, UNMATCHED)


def _for_ever(template: Object, kind: str) -> Causes:
    spec = template.get("spec") or {}
    policy = spec.get("restartPolicy")
    if policy != "Always":
        yield not_supported("spec.template.spec.restartPolicy", policy or "", ("Always",))
    if spec.get("activeDeadlineSeconds") is not None:
        detail = f"activeDeadlineSeconds in {kind} is not Supported"
        yield forbidden("spec.template.spec.activeDeadlineSeconds", detail)


def _is_zero(value: Any) -> bool:
    return value in (0, "0%")


def selector_stays(new: Object, old: Object) -> Causes:
    yield from immutable(new["spec"].get("selector"), old["spec"].get("selector"), "spec.selector")


def deployment(obj: Object) -> Causes:
    spec = obj["spec"]
    yield from not_negative(spec.get("replicas"), "spec.replicas")
    yield from _selector(spec, "deployment")
    yield from _template(spec, "ReplicaSet")
    strategy = spec.get("strategy") or {}
    kind = strategy.get("type")
    if kind == "Recreate":
        if strategy.get("rollingUpdate") is not None:
            detail = "may not be specified when strategy `type` is 'Recreate'"
            yield forbidden("spec.strategy.rollingUpdate", detail)
    elif kind == "RollingUpdate":
        yield from _rolling(strategy.get("rollingUpdate") or {}, "spec.strategy.rollingUpdate")
    else:
        yield not_supported("spec.strategy", strategy, ("Recreate", "RollingUpdate"))
    yield from none_negative(
        spec, "spec", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"
    )
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        detail = "must be greater than minReadySeconds"
        yield invalid("spec.progressDeadlineSeconds", deadline, detail)


def _rolling(rolling: Object, at: str) -> Causes:
    surge, unavailable = rolling.get("maxSurge", "25%"), rolling.get("maxUnavailable", "25%")
    yield from whole_or_percent(unavailable, f"{at}.maxUnavailable")
    yield from whole_or_percent(surge, f"{at}.maxSurge")
    if _is_zero(surge) and _is_zero(unavailable):
        yield invalid(f"{at}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0")
    yield from at_most_100_percent(unavailable, f"{at}.maxUnavailable")


def deployment_update(new: Object, old: Object) -> Causes:
    yield from deployment(new)
    yield from selector_stays(new, old)


def replica_set(obj: Object) -> Causes:
    spec = obj["spec"]
    yield from none_negative(spec, "spec", "replicas", "minReadySeconds")
    yield from _selector(spec, "deployment")
    yield from _template(spec, "ReplicaSet")


def replica_set_update(new: Object, old: Object) -> Causes:
    yield from replica_set(new)
    yield from selector_stays(new, old)


def replication_controller(obj: Object) -> Causes:
    spec = obj["spec"]
    selector, template = spec.get("selector"), spec.get("template")
    yield from not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    if not selector:
        yield required("spec.selector")
    yield from not_negative(spec.get("replicas"), "spec.replicas")
    if template is None:
        yield required("spec.template")
        return
    labels = (template.get("metadata") or {}).get("labels") or {}
    if any(labels.get(k) != v for k, v in (selector or {}).items()):
        yield invalid("spec.template.metadata.labels", labels, UNMATCHED)
    yield from pods.template(template, "spec.template")
    yield from _for_ever(template, "ReplicationController")


def daemon_set(obj: Object) -> Causes:
    spec = obj["spec"]
    selector, template = spec.get("selector"), spec.get("template") or {}
    yield from label_selector(selector, "spec.selector")
    yield from _selected(spec, template)
    if selector is not None:
        yield from _not_empty(selector, "daemonset")
    yield from pods.template(template, "spec.template")
    yield from _for_ever(template, "DaemonSet")
    yield from none_negative(spec, "spec", "minReadySeconds", "templateGeneration")
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "RollingUpdate":
        yield from _daemon_rolling(strategy.get("rollingUpdate"), "spec.updateStrategy")
    elif strategy.get("type") != "OnDelete":
        kind = strategy.get("type") or ""
        yield not_supported("spec.updateStrategy.type", kind, ("RollingUpdate", "OnDelete"))
    yield from not_negative(spec.get("revisionHistoryLimit"), "spec.revisionHistoryLimit")


def _daemon_rolling(rolling: Object | None, at: str) -> Causes:
    """Pods of a node come before the old ones go, or after."""
    at = f"{at}.rollingUpdate"
    if rolling is None:
        yield required(at)
        return
    surge, unavailable = rolling.get("maxSurge", 0), rolling.get("maxUnavailable", 1)
    for value, field in ((unavailable, "maxUnavailable"), (surge, "maxSurge")):
        yield from whole_or_percent(value, f"{at}.{field}")
        yield from at_most_100_percent(value, f"{at}.{field}")
    if _is_zero(surge) and _is_zero(unavailable):
        yield required(f"{at}.maxUnavailable", "cannot be 0 when maxSurge is 0")
    elif not _is_zero(surge) and not _is_zero(unavailable):
        yield invalid(f"{at}.maxSurge", surge, "may not be set when maxUnavailable is non-zero")


def daemon_set_update(new: Object, old: Object) -> Causes:
    yield from selector_stays(new, old)
    yield from daemon_set(new)


_STATEFUL_SET_MAY_CHANGE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def _stateful_spec(spec: Object, *, whole: bool = True) -> Causes:
    """`whole`: with the template, beyond its labels and how often its pods start."""
    policy = spec.get("podManagementPolicy")
    if not policy:
        yield required("spec.podManagementPolicy")
    elif policy not in ("OrderedReady", "Parallel"):
        detail = "must be 'OrderedReady' or 'Parallel'"
        yield invalid("spec.podManagementPolicy", policy, detail)
    yield from _stateful_strategy(spec.get("updateStrategy") or {}, "spec.updateStrategy")
    retention = spec.get("persistentVolumeClaimRetentionPolicy") or {}
    for field in ("whenDeleted", "whenScaled"):
        if field in retention and retention[field] not in ("Delete", "Retain"):
            where = f"spec.persistentVolumeClaimRetentionPolicy.{field}"
            yield not_supported(where, retention[field], ("Delete", "Retain"))
    yield from none_negative(spec, "spec", "replicas", "minReadySeconds")
    yield from not_negative((spec.get("ordinals") or {}).get("start"), "spec.ordinals.start")
    yield from _selector(spec, "statefulset")
    template = spec.get("template") or {}
    yield from _selected(spec, template)
    if whole:
        yield from pods.template(_with_claims(spec, template), "spec.template")
    yield from _for_ever(template, "StatefulSet")


def _with_claims(spec: Object, template: Object) -> Object:
    """The template with the volumes that each pod will have of its claim templates; one of the
    same name is replaced."""
    claims = spec.get("volumeClaimTemplates")
    if not claims:
        return template
    made = {
        name: {"name": name, "persistentVolumeClaim": {"claimName": name}}
        for claim in claims
        if (name := (claim.get("metadata") or {}).get("name"))
    }
    inner = template.get("spec") or {}
    own = [v for v in inner.get("volumes") or () if v.get("name") not in made]
    return {**template, "spec": {**inner, "volumes": [*own, *made.values()]}}


def _stateful_strategy(strategy: Object, at: str) -> Causes:
    kind, rolling = strategy.get("type"), strategy.get("rollingUpdate")
    if not kind:
        yield required(at)
    elif kind == "OnDelete":
        if rolling is not None:
            detail = "only allowed for updateStrategy 'RollingUpdate'"
            yield invalid(f"{at}.rollingUpdate", rolling, detail)
    elif kind == "RollingUpdate":
        if rolling is not None:
            where = f"{at}.rollingUpdate"
            yield from not_negative(rolling.get("partition"), f"{where}.partition")
            most = rolling.get("maxUnavailable")
            if most is not None:
                yield from whole_or_percent(most, f"{where}.maxUnavailable")
                if _is_zero(most):
                    yield invalid(f"{where}.maxUnavailable", most, "cannot be 0")
                yield from at_most_100_percent(most, f"{where}.maxUnavailable")
    else:
        yield invalid(at, strategy, "must be 'RollingUpdate' or 'OnDelete'")


def stateful_set(obj: Object) -> Causes:
    yield from _stateful_spec(obj["spec"])
    if service := obj["spec"].get("serviceName"):
        yield from well_formed(service, "spec.serviceName", names.dns_1035_label_problems)


def stateful_set_update(new: Object, old: Object) -> Causes:
    """A set that was never right may be changed all the same."""
    problems = list(_stateful_spec(new["spec"]))
    if problems and any(_stateful_spec(old["spec"])):
        problems = list(_stateful_spec(new["spec"], whole=False))
    yield from problems

    def settled(spec: Object) -> Object:
        return {k: v for k, v in spec.items() if k not in _STATEFUL_SET_MAY_CHANGE and v}

    if settled(new["spec"]) != settled(old["spec"]):
        yield forbidden(
            "spec",
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
            "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
            "'minReadySeconds' are forbidden",
        )


def controller_revision(obj: Object) -> Causes:
    if obj.get("data") is None:
        yield required("data", "data is mandatory")
    yield from not_negative(obj.get("revision"), "revision")


def controller_revision_update(new: Object, old: Object) -> Causes:
    yield from controller_revision(new)
    yield from immutable(new.get("data"), old.get("data"), "data")


def pod_template(obj: Object) -> Causes:
    yield from pods.template(obj.get("template") or {}, "template")


_MORE = "cannot be greater than status.replicas"
_PARTS = {
    "replicas": ("fullyLabeledReplicas", "readyReplicas", "availableReplicas"),
    "deployments": ("updatedReplicas", "readyReplicas", "availableReplicas"),
    "statefulsets": (
        "readyReplicas",
        "currentReplicas",
        "updatedReplicas",
        "availableReplicas",
    ),
}


def replicas_status(new: Object, old: Object) -> Causes:
    """Of ReplicaSets and ReplicationControllers."""
    return _status(new, old, "replicas")


def deployment_status(new: Object, old: Object) -> Causes:
    return _status(new, old, "deployments")


def stateful_set_status(new: Object, old: Object) -> Causes:
    return _status(new, old, "statefulsets")


def _status(new: Object, old: Object, kind: str) -> Causes:
    """Counts that are no more than there are."""
    status, before = new.get("status") or {}, old.get("status") or {}
    more = ("unavailableReplicas", "terminatingReplicas", "observedGeneration", "collisionCount")
    yield from none_negative(status, "status", "replicas", *_PARTS[kind], *more)
    whole = status.get("replicas", 0)
    for field in _PARTS[kind]:
        if status.get(field, 0) > whole:
            yield invalid(f"status.{field}", status[field], _MORE)
    available = status.get("availableReplicas", 0)
    if available > status.get("readyReplicas", 0):
        theirs = "status.readyReplicas" if kind == "statefulsets" else "readyReplicas"
        detail = f"cannot be greater than {theirs}"
        yield invalid("status.availableReplicas", available, detail)
    yield from _not_decremented(status, before)


def _not_decremented(status: Object, before: Object) -> Causes:
    collisions, had = status.get("collisionCount"), before.get("collisionCount")
    if had is not None and (collisions is None or collisions < had):
        yield invalid("status.collisionCount", collisions or 0, "cannot be decremented")


def daemon_set_status(new: Object, old: Object) -> Causes:
    status = new.get("status") or {}
    yield from none_negative(
        status,
        "status",
        "currentNumberScheduled",
        "numberMisscheduled",
        "desiredNumberScheduled",
        "numberReady",
        "observedGeneration",
        "updatedNumberScheduled",
        "numberAvailable",
        "numberUnavailable",
        "collisionCount",
    )
    yield from _not_decremented(status, old.get("status") or {})
