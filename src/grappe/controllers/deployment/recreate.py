"""Strategy Recreate: the old pods end before the first new one begins."""

from __future__ import annotations

from collections.abc import Iterable

from grappe.api import Object
from grappe.controllers.pods import is_finished


def old_pods_running(pods: Iterable[Object], new: Object | None) -> bool:
    """Whether a pod of another ReplicaSet than the newest still runs, terminating ones included.
    `pods` are those of all the Deployment's ReplicaSets."""
    new_uid = new["metadata"]["uid"] if new is not None else None
    for pod in pods:
        owners = pod["metadata"].get("ownerReferences") or ()
        if not is_finished(pod) and not any(o["uid"] == new_uid for o in owners):
            return True
    return False
