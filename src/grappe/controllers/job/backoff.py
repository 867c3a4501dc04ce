"""How long a Job waits before it replaces failed pods: 10 s, doubled at each failure since the
last success, at most ten minutes. Pure.

A pod that is deleted before its time counts from then on, unless the Job replaces only what has
failed for good. It may be gone long before its replacement is due: what is known of failures goes
from one look to the next.
https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from grappe.api import Object
from grappe.base.clock import parse_rfc3339
from grappe.controllers.job.counting import FINALIZER, has_failed
from grappe.controllers.pods import phase

FIRST = 10.0
LONGEST = 600.0
_MOST = 7  # after so many failures the wait is the longest


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


def failures(job: Object, pods: Iterable[Object], known: Mapping[str, float]) -> dict[str, float]:
    """When pods failed since the last success, by uid: the latest few, of `known` and of `pods`."""
    times: dict[str, float] = {}
    last_success = float("-inf")
    for pod in pods:
        meta = pod["metadata"]
        if phase(pod) == "Succeeded":
            last_success = max(last_success, finished_at(pod))
        elif phase(pod) == "Failed" or (
            # One that the Job gave up itself has lost its finalizer before.
            FINALIZER in (meta.get("finalizers") or ()) and has_failed(job, pod)
        ):
            times[meta["uid"]] = finished_at(pod)
    times |= known
    counted = [(at, uid) for uid, at in times.items() if at > last_success]
    return {uid: at for at, uid in sorted(counted)[-_MOST:]}


def retry_at(failed: Mapping[str, float]) -> float:
    """From when on replacements may be made after these failures."""
    return max(failed.values()) + wait_after(len(failed)) if failed else 0.0
