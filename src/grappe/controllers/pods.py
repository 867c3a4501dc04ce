"""What controllers look at in a pod.

Rules: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/
"""

from __future__ import annotations

from typing import NamedTuple

from grappe.api import Object
from grappe.base.clock import parse_rfc3339
from grappe.reconcile import conditions

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index"
INDEX_FAILURES = "batch.kubernetes.io/job-index-failure-count"
INDEX_IGNORED_FAILURES = "batch.kubernetes.io/job-index-ignored-failure-count"

_KEPT_ANNOTATIONS = (DELETION_COST, COMPLETION_INDEX, INDEX_FAILURES, INDEX_IGNORED_FAILURES)
_META = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "ownerReferences",
    "finalizers",
)
_SPEC = (
    "nodeName",
    "hostname",
    "subdomain",
    "restartPolicy",
    "tolerations",
    "activeDeadlineSeconds",
    "overhead",
    "priorityClassName",
    "resources",
)
_CONTAINER = ("name", "ports", "resources", "restartPolicy")
_STATUS = ("phase", "conditions", "podIP", "podIPs", "startTime", "reason")
_CONTAINER_STATUS = ("name", "restartCount", "state")


def slim_pod(pod: Object) -> Object:
    """The parts of a pod some controller looks at. Never write such a pod back: patch."""
    meta, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    kept_meta = {key: meta[key] for key in _META if key in meta}
    annotations = meta.get("annotations") or {}
    kept_annotations = {key: annotations[key] for key in _KEPT_ANNOTATIONS if key in annotations}
    if kept_annotations:
        kept_meta["annotations"] = kept_annotations
    kept_spec = {key: spec[key] for key in _SPEC if key in spec}
    kept_status = {key: status[key] for key in _STATUS if key in status}
    for kind in ("initContainers", "containers"):
        if spec.get(kind):
            kept_spec[kind] = [{k: c[k] for k in _CONTAINER if k in c} for c in spec[kind]]
        found = status.get(f"{kind.removesuffix('s')}Statuses")
        if found:
            kept_status[f"{kind.removesuffix('s')}Statuses"] = [
                {k: c[k] for k in _CONTAINER_STATUS if k in c} for c in found
            ]
    if any(o.get("kind") == "DaemonSet" for o in meta.get("ownerReferences") or ()):
        kept_spec["affinity"] = spec.get("affinity")  # it names the pod's node
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": kept_meta,
        "spec": kept_spec,
        "status": kept_status,
    }


def phase(pod: Object) -> str:
    return (pod.get("status") or {}).get("phase") or "Pending"


def is_terminating(pod: Object) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def is_finished(pod: Object) -> bool:
    return phase(pod) in ("Succeeded", "Failed")


def is_active(pod: Object) -> bool:
    """Neither finished nor being deleted."""
    return not is_finished(pod) and not is_terminating(pod)


def is_ready(pod: Object) -> bool:
    return conditions.is_true(pod, "Ready")


def ready_since(pod: Object) -> float | None:
    """When a ready pod became ready."""
    ready = conditions.find(pod, "Ready")
    if ready is None or ready.get("status") != "True":
        return None
    when = ready.get("lastTransitionTime")
    return parse_rfc3339(when) if when else 0.0


class Availability(NamedTuple):
    """`available` now; if not, but ready, `at` is when it will be."""

    available: bool
    at: float | None = None


def availability(pod: Object, min_ready_seconds: int, now: float) -> Availability:
    """Whether a pod has been ready for `min_ready_seconds`."""
    since = ready_since(pod)
    if since is None:
        return Availability(False)
    at = since + min_ready_seconds
    if min_ready_seconds == 0 or (since and at <= now):
        return Availability(True)
    return Availability(False, at)


def restarts(pod: Object) -> int:
    """The highest restart count of the pod's containers."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return max((c.get("restartCount") or 0 for c in statuses), default=0)
