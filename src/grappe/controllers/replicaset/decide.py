"""What a ReplicaSet needs now: a pure function of a snapshot and the time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from grappe.api import Object
from grappe.api.selectors import label_selector_from_object
from grappe.controllers.claims import Claim, claim
from grappe.controllers.pods import availability, is_active, is_finished, is_ready, is_terminating
from grappe.controllers.replicaset.ranking import first_to_go
from grappe.controllers.statuses import without_zeros
from grappe.reconcile import conditions

BURST = 500
"""Pods created or deleted at one time, at most."""


@dataclass(frozen=True, slots=True)
class World:
    """A ReplicaSet, the pods it may manage (its own and nobody's), and the active pods of its
    sister ReplicaSets."""

    replicaset: Object
    pods: tuple[Object, ...]
    related: tuple[Object, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """`create` pods more, `delete` these; `claim` says which to adopt and release first."""

    claim: Claim
    create: int = 0
    delete: tuple[Object, ...] = ()


def decide(world: World, now: float) -> Plan:
    """How many pods to create or which to delete."""
    rs = world.replicaset
    selector = label_selector_from_object(rs["spec"]["selector"])
    candidates = [p for p in world.pods if not is_finished(p)]
    found = claim(rs, selector, candidates)
    if rs["metadata"].get("deletionTimestamp"):
        return Plan(found)
    active = [p for p in (*found.owned, *found.adopt) if is_active(p)]
    surplus = len(active) - wanted_replicas(rs)
    if surplus < 0:
        return Plan(found, create=min(-surplus, BURST))
    if surplus > 0:
        victims = first_to_go(active, world.related or active, min(surplus, BURST), now)
        return Plan(found, delete=tuple(victims))
    return Plan(found)


def wanted_replicas(obj: Object) -> int:
    """`spec.replicas`, 1 when it is not stated."""
    replicas = obj["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


@dataclass(frozen=True, slots=True)
class Failure:
    """A create or delete that failed: `reason` FailedCreate or FailedDelete."""

    reason: str
    message: str


def status(
    rs: Object, owned: Iterable[Object], failure: Failure | None, now: float
) -> tuple[Object, float | None]:
    """The status these pods give, and the time at which a ready pod becomes available."""
    min_ready = rs["spec"].get("minReadySeconds") or 0
    template_labels = (rs["spec"]["template"].get("metadata") or {}).get("labels") or {}
    replicas = labeled = ready = available = terminating = 0
    next_at: float | None = None
    for pod in owned:
        if is_terminating(pod):
            terminating += 1
            continue
        if is_finished(pod):
            continue
        replicas += 1
        labels = pod["metadata"].get("labels") or {}
        labeled += all(labels.get(k) == v for k, v in template_labels.items())
        ready += is_ready(pod)
        availability_ = availability(pod, min_ready, now)
        available += availability_.available
        if availability_.at is not None:
            next_at = min(next_at or availability_.at, availability_.at)
    found: Object = {
        "replicas": replicas,
        "fullyLabeledReplicas": labeled,
        "readyReplicas": ready,
        "availableReplicas": available,
        "terminatingReplicas": terminating,
        "observedGeneration": rs["metadata"].get("generation") or 0,
    }
    old = rs.get("status") or {}
    listed = old.get("conditions")
    if failure is not None:
        if not conditions.is_true(rs, "ReplicaFailure"):
            wanted = {"type": "ReplicaFailure", "status": "True", "reason": failure.reason}
            listed = conditions.with_condition(listed, {**wanted, "message": failure.message}, now)
    else:
        listed = conditions.without_condition(listed, "ReplicaFailure")
    if listed:
        found["conditions"] = listed
    return without_zeros(found, keep=("replicas", "terminatingReplicas")), next_at
