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
    """When a finished pod's last container ended; else when it stopped being ready, or when its
    deletion was asked for, or when it was made."""
    status = pod.get("status") or {}
    ended = [
        state["finishedAt"]
        for c in status.get("containerStatuses") or ()
        if (state := (c.get("state") or {}).get("terminated")) and state.get("finishedAt")
    ]
    if ended:
        return max(map(parse_rfc3339, ended))
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Ready" and condition.get("lastTransitionTime"):
            return parse_rfc3339(condition["lastTransitionTime"])
    meta = pod["metadata"]
    return parse_rfc3339(meta.get("deletionTimestamp") or meta["creationTimestamp"])


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
    return max(failures) + min(FIRST * 2.0 ** min(len(failures) - 1, 30), LONGEST)
