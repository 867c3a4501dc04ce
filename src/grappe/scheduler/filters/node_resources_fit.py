"""What the pod requests is left on the node, the number of pods included.

Rule: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
"""

from __future__ import annotations

from grappe.scheduler.filters.rejection import Check, Rejection
from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo


def _order(name: str) -> tuple[int, str]:
    """cpu, memory and ephemeral storage first, then extended resources by name."""
    known = ("cpu", "memory", "ephemeral-storage")
    return (known.index(name), "") if name in known else (len(known), name)


def prepare(pod: PodInfo, snapshot: Snapshot) -> Check | None:
    requests = [(name, pod.requests[name]) for name in sorted(pod.requests, key=_order)]

    def check(node: NodeInfo) -> Rejection | None:
        allocatable, requested = node.allocatable, node.requested
        reasons: tuple[str, ...] = ()
        final = False
        if len(node.pods) + 1 > allocatable.get("pods", 0):
            reasons = ("Too many pods",)
        for name, amount in requests:
            has = allocatable.get(name, 0)
            if amount > has - requested.get(name, 0):
                reasons += (f"Insufficient {name}",)
                final = final or amount > has
        return Rejection(reasons, final) if reasons else None

    return check
