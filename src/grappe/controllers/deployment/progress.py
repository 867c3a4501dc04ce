"""A Deployment's status and conditions, in Kubernetes' reasons and messages.

Pure. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from grappe.api import Object
from grappe.base.clock import parse_rfc3339, rfc3339
from grappe.controllers.deployment.limits import limits
from grappe.controllers.deployment.rollout import count, replicas, total
from grappe.controllers.statuses import without_zeros
from grappe.reconcile import conditions

NEW_CREATED = "NewReplicaSetCreated"
FOUND_NEW = "FoundNewReplicaSet"
UPDATED = "ReplicaSetUpdated"
AVAILABLE = "NewReplicaSetAvailable"
CREATE_ERROR = "ReplicaSetCreateError"
TIMED_OUT = "ProgressDeadlineExceeded"
PAUSED = "DeploymentPaused"
RESUMED = "DeploymentResumed"

_NO_DEADLINE = 2**31 - 1


class Condition(NamedTuple):
    """What a condition should say."""

    type: str
    status: str
    reason: str
    message: str


class Report(NamedTuple):
    """The status to write, and when to look again although nothing changes."""

    status: Object
    look_again_at: float | None = None


def deadline(deployment: Object) -> int | None:
    """`progressDeadlineSeconds`; None when progress is not watched."""
    stated = deployment["spec"].get("progressDeadlineSeconds")
    return None if stated is None or stated == _NO_DEADLINE else int(stated)


def set_condition(
    listed: Sequence[Object], wanted: Condition, now: float, *, refresh: bool = False
) -> list[Object]:
    """`wanted` in place of the condition of its type. One with the same status and reason stays as
    it is, unless `refresh` asks for a new update time."""
    current = next((c for c in listed if c.get("type") == wanted.type), None)
    same_status = current is not None and current.get("status") == wanted.status
    if same_status and current and current.get("reason") == wanted.reason and not refresh:
        return [*listed]
    since = current.get("lastTransitionTime") if same_status and current else None
    made = {
        "type": wanted.type,
        "status": wanted.status,
        "lastUpdateTime": rfc3339(now),
        "lastTransitionTime": since or rfc3339(now),
        "reason": wanted.reason,
        "message": wanted.message,
    }
    return [*(c for c in listed if c.get("type") != wanted.type), made]


def counted(
    deployment: Object, replicasets: Sequence[Object], new: Object | None, now: float
) -> Object:
    """The counts and the Available condition."""
    available = sum(count(rs, "availableReplicas") for rs in replicasets)
    old = deployment.get("status") or {}
    enough = available >= replicas(deployment) - limits(deployment).unavailable
    wanted = (
        Condition(
            "Available",
            "True",
            "MinimumReplicasAvailable",
            "Deployment has minimum availability.",
        )
        if enough
        else Condition(
            "Available",
            "False",
            "MinimumReplicasUnavailable",
            "Deployment does not have minimum availability.",
        )
    )
    found: Object = {
        "observedGeneration": deployment["metadata"].get("generation") or 0,
        "replicas": sum(count(rs, "replicas") for rs in replicasets),
        "updatedReplicas": count(new, "replicas") if new is not None else 0,
        "readyReplicas": sum(count(rs, "readyReplicas") for rs in replicasets),
        "availableReplicas": available,
        "unavailableReplicas": max(0, total(replicasets) - available),
        "terminatingReplicas": sum(count(rs, "terminatingReplicas") for rs in replicasets),
        "collisionCount": old.get("collisionCount"),
        "conditions": set_condition(old.get("conditions") or (), wanted, now),
    }
    return without_zeros(found, keep=("terminatingReplicas",))


def with_pause(deployment: Object, listed: Sequence[Object], now: float) -> list[Object]:
    """Say when a rollout is paused or goes on, so that the time in between does not count."""
    current = conditions.find({"status": {"conditions": [*listed]}}, "Progressing") or {}
    if deadline(deployment) is None or current.get("reason") == TIMED_OUT:
        return [*listed]
    paused = bool(deployment["spec"].get("paused"))
    if paused == (current.get("reason") == PAUSED):
        return [*listed]
    wanted = (
        Condition("Progressing", "Unknown", PAUSED, "Deployment is paused")
        if paused
        else Condition("Progressing", "Unknown", RESUMED, "Deployment is resumed")
    )
    return set_condition(listed, wanted, now)


def is_complete(deployment: Object, status: Object) -> bool:
    """All pods are of the newest template and available, and no old ones are left."""
    wanted = replicas(deployment)
    return (
        (status.get("updatedReplicas") or 0) == wanted
        and (status.get("replicas") or 0) == wanted
        and (status.get("availableReplicas") or 0) == wanted
    )


def _has_progressed(old: Object, new: Object) -> bool:
    def get(status: Object, field: str) -> int:
        return int(status.get(field) or 0)

    def old_pods(status: Object) -> int:
        return get(status, "replicas") - get(status, "updatedReplicas")

    return (
        get(new, "updatedReplicas") > get(old, "updatedReplicas")
        or old_pods(new) < old_pods(old)
        or get(new, "readyReplicas") > get(old, "readyReplicas")
        or get(new, "availableReplicas") > get(old, "availableReplicas")
    )


def _times_out_at(deployment: Object, current: Object | None) -> float | None:
    limit = deadline(deployment)
    if limit is None or current is None or current.get("reason") in (AVAILABLE, TIMED_OUT):
        return None
    return parse_rfc3339(current["lastUpdateTime"]) + limit


def report(
    deployment: Object,
    replicasets: Sequence[Object],
    new: Object | None,
    now: float,
    *,
    created: bool = False,
) -> Report:
    """Status of a rollout that goes on. `created`: the newest ReplicaSet has just been made."""
    status = counted(deployment, replicasets, new, now)
    listed = with_pause(deployment, status["conditions"], now)
    name = new["metadata"]["name"] if new is not None else ""
    subject = f'ReplicaSet "{name}"' if name else f'Deployment "{deployment["metadata"]["name"]}"'
    look_again_at = None
    if deadline(deployment) is None:
        listed = conditions.without_condition(listed, "Progressing")
    else:
        current = conditions.find({"status": {"conditions": listed}}, "Progressing")
        if created:
            message = f'Created new replica set "{name}"'
            listed = set_condition(
                listed, Condition("Progressing", "True", NEW_CREATED, message), now
            )
        elif current is None and name:
            message = f'Found new replica set "{name}"'
            listed = set_condition(
                listed, Condition("Progressing", "True", FOUND_NEW, message), now
            )
        listed = _progressing(deployment, status, listed, subject, now)
        current = conditions.find({"status": {"conditions": listed}}, "Progressing")
        look_again_at = _times_out_at(deployment, current)
    status["conditions"] = _with_failures(replicasets, listed, now)
    return Report(status, look_again_at)


def _progressing(
    deployment: Object, status: Object, listed: list[Object], subject: str, now: float
) -> list[Object]:
    current = conditions.find({"status": {"conditions": listed}}, "Progressing")
    settled = current is not None and current.get("reason") == AVAILABLE
    if settled and (status.get("replicas") or 0) == (status.get("updatedReplicas") or 0):
        return listed
    if is_complete(deployment, status):
        message = f"{subject} has successfully progressed."
        return set_condition(listed, Condition("Progressing", "True", AVAILABLE, message), now)
    if _has_progressed(deployment.get("status") or {}, status):
        message = f"{subject} is progressing."
        wanted = Condition("Progressing", "True", UPDATED, message)
        return set_condition(listed, wanted, now, refresh=True)
    ends = _times_out_at(deployment, current)
    if ends is not None and ends <= now:
        message = f"{subject} has timed out progressing."
        return set_condition(listed, Condition("Progressing", "False", TIMED_OUT, message), now)
    return listed


def _with_failures(
    replicasets: Sequence[Object], listed: Sequence[Object], now: float
) -> list[Object]:
    """ReplicaFailure as the ReplicaSets have it."""
    for rs in replicasets:
        failure = conditions.find(rs, "ReplicaFailure")
        if failure is not None:
            wanted = Condition(
                "ReplicaFailure",
                failure.get("status") or "True",
                failure.get("reason") or "",
                failure.get("message") or "",
            )
            return set_condition(listed, wanted, now)
    return conditions.without_condition(listed, "ReplicaFailure")


def create_error(deployment: Object, status: Object, message: str, now: float) -> Object:
    """The status when the newest ReplicaSet could not be created."""
    if deadline(deployment) is None:
        return status
    wanted = Condition("Progressing", "False", CREATE_ERROR, message)
    return {**status, "conditions": set_condition(status.get("conditions") or (), wanted, now)}
