"""Health of what keeps pods running: the questions `kubectl rollout status` asks."""

from __future__ import annotations

from grappe.api import Object
from grappe.delivery.health.verdict import Health


def _status(obj: Object) -> Object:
    status: Object = obj.get("status") or {}
    return status


def _observed(obj: Object) -> bool:
    """Whether the controller has seen the newest spec."""
    generation = obj["metadata"].get("generation") or 0
    return bool(generation <= (_status(obj).get("observedGeneration") or 0))


def _count(obj: Object, field: str) -> int:
    return int(_status(obj).get(field) or 0)


def deployment(obj: Object) -> Health:
    spec = obj.get("spec") or {}
    if spec.get("paused"):
        return Health("Suspended", "Deployment is paused")
    if not _observed(obj):
        return Health(
            "Progressing",
            "Waiting for rollout to finish: observed deployment generation less than desired "
            "generation",
        )
    for condition in _status(obj).get("conditions") or ():
        if condition.get("type") == "Progressing" and (
            condition.get("reason") == "ProgressDeadlineExceeded"
        ):
            name = obj["metadata"]["name"]
            return Health("Degraded", f'Deployment "{name}" exceeded its progress deadline')
    wanted = spec.get("replicas")
    updated, total = _count(obj, "updatedReplicas"), _count(obj, "replicas")
    available = _count(obj, "availableReplicas")
    waiting = "Waiting for rollout to finish:"
    if wanted is not None and updated < wanted:
        return Health(
            "Progressing", f"{waiting} {updated} out of {wanted} new replicas have been updated..."
        )
    if total > updated:
        return Health(
            "Progressing", f"{waiting} {total - updated} old replicas are pending termination..."
        )
    if available < updated:
        return Health(
            "Progressing", f"{waiting} {available} of {updated} updated replicas are available..."
        )
    return Health("Healthy")


def replica_set(obj: Object) -> Health:
    if not _observed(obj):
        return Health(
            "Progressing",
            "Waiting for rollout to finish: observed replica set generation less than desired "
            "generation",
        )
    for condition in _status(obj).get("conditions") or ():
        if condition.get("type") == "ReplicaFailure" and condition.get("status") == "True":
            return Health("Degraded", condition.get("message", ""))
    wanted = (obj.get("spec") or {}).get("replicas")
    available = _count(obj, "availableReplicas")
    if wanted is not None and available < wanted:
        return Health(
            "Progressing",
            f"Waiting for rollout to finish: {available} out of {wanted} new replicas are "
            "available...",
        )
    return Health("Healthy")


def stateful_set(obj: Object) -> Health:
    spec, status = obj.get("spec") or {}, _status(obj)
    if not status.get("observedGeneration") or not _observed(obj):
        return Health("Progressing", "Waiting for statefulset spec update to be observed...")
    wanted, ready = spec.get("replicas"), _count(obj, "readyReplicas")
    if wanted is not None and ready < wanted:
        return Health("Progressing", f"Waiting for {wanted - ready} pods to be ready...")
    strategy = spec.get("updateStrategy") or {}
    updated = _count(obj, "updatedReplicas")
    partition = (strategy.get("rollingUpdate") or {}).get("partition")
    if strategy.get("type") == "RollingUpdate" and partition and wanted is not None:
        if updated < wanted - partition:
            return Health(
                "Progressing",
                f"Waiting for partitioned roll out to finish: {updated} out of "
                f"{wanted - partition} new pods have been updated...",
            )
        return Health(
            "Healthy", f"partitioned roll out complete: {updated} new pods have been updated..."
        )
    if strategy.get("type") == "OnDelete":
        return Health("Healthy", f"statefulset has {ready} ready pods")
    if status.get("updateRevision") != status.get("currentRevision"):
        return Health(
            "Progressing",
            f"waiting for statefulset rolling update to complete {updated} pods at revision "
            f"{status.get('updateRevision')}...",
        )
    return Health(
        "Healthy",
        f"statefulset rolling update complete {_count(obj, 'currentReplicas')} pods at revision "
        f"{status.get('currentRevision')}...",
    )


def daemon_set(obj: Object) -> Health:
    if not _observed(obj):
        return Health(
            "Progressing",
            "Waiting for rollout to finish: observed daemon set generation less than desired "
            "generation",
        )
    name = obj["metadata"]["name"]
    wanted, updated = _count(obj, "desiredNumberScheduled"), _count(obj, "updatedNumberScheduled")
    strategy = ((obj.get("spec") or {}).get("updateStrategy") or {}).get("type")
    if strategy == "OnDelete":
        return Health("Healthy", f"daemon set {updated} out of {wanted} new pods have been updated")
    waiting = f'Waiting for daemon set "{name}" rollout to finish:'
    if updated < wanted:
        return Health(
            "Progressing", f"{waiting} {updated} out of {wanted} new pods have been updated..."
        )
    available = _count(obj, "numberAvailable")
    if available < wanted:
        return Health(
            "Progressing", f"{waiting} {available} of {wanted} updated pods are available..."
        )
    return Health("Healthy")


_HPA_DEGRADED = {
    ("AbleToScale", "FailedGetScale"),
    ("AbleToScale", "FailedUpdateScale"),
    ("ScalingActive", "FailedGetResourceMetric"),
    ("ScalingActive", "InvalidSelector"),
}
_HPA_HEALTHY = {
    ("AbleToScale", "SucceededRescale"),
    ("ScalingLimited", "DesiredWithinRange"),
    ("ScalingLimited", "TooFewReplicas"),
    ("ScalingLimited", "TooManyReplicas"),
}


def horizontal_pod_autoscaler(obj: Object) -> Health:
    for condition in _status(obj).get("conditions") or ():
        what = (condition.get("type"), condition.get("reason"))
        if what in _HPA_DEGRADED:
            return Health("Degraded", condition.get("message", ""))
        if what in _HPA_HEALTHY:
            return Health("Healthy", condition.get("message", ""))
    return Health("Progressing", "Waiting to Autoscale")
