"""How long a Job waits before it replaces failed pods: 10 s, doubled at each failure since the
last success, at most ten minutes. Pure.

https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy
"""

from __future__ import annotations

from collections.abc import Iterable

from grappe.api import Object
from grappe.base.clock import parse_rfc3339
from grappe.controllers.pods import phase

FIRST = 10.0
LONGEST = 600.0


def finished_at(pod: Object) -> float:
    """When the last container of a failed or finished pod ended; else when the pod stopped being
    ready, or when its deletion was asked for, or when it was made."""
    ended = _containers_ended_at(pod)
    if ended is not None:
        return ended
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("status") == "False":
            if condition.get("lastTransitionTime"):
                return parse_rfc3339(condition["lastTransitionTime"])
            break
    meta = pod["metadata"]
    if meta.get("deletionTimestamp"):
        grace = int(meta.get("deletionGracePeriodSeconds") or 0)
        return parse_rfc3339(meta["deletionTimestamp"]) - grace
    return parse_rfc3339(meta["creationTimestamp"])


def _containers_ended_at(pod: Object) -> float | None:
    """None while a container, or a sidecar, has not ended."""
    status = pod.get("status") or {}
    sidecars = {
        c["name"]
        for c in (pod.get("spec") or {}).get("initContainers") or ()
        if c.get("restartPolicy") == "Always"
    }
    watched = [*(status.get("containerStatuses") or ())]
    watched += [c for c in status.get("initContainerStatuses") or () if c["name"] in sidecars]
    ends = [
        ((c.get("state") or {}).get("terminated") or {}).get("finishedAt") or "" for c in watched
    ]
    return max(map(parse_rfc3339, ends)) if ends and all(ends) else None


def wait_after(failures: int) -> float:
    """Seconds from the last failure of so many (one or more) until the next attempt."""
    return min(FIRST * 2.0 ** min(failures - 1, 30), LONGEST)


def retry_at(pods: Iterable[Object]) -> float:
    """From when on replacements may be made, by the finished pods that still exist."""
    finished = [p for p in pods if phase(p) in ("Succeeded", "Failed")]
    last_success = max(
        (finished_at(p) for p in finished if phase(p) == "Succeeded"), default=float("-inf")
    )
    failures = [
        at for p in finished if phase(p) == "Failed" and (at := finished_at(p)) > last_success
    ]
    if not failures:
        return 0.0
    return max(failures) + wait_after(len(failures))
