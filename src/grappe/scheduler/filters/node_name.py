"""A pod that names its node runs nowhere else."""

from __future__ import annotations

from grappe.scheduler.filters.rejection import Check, Rejection
from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo

_REJECTED = Rejection(("node(s) didn't match the requested node name",), final=True)


def prepare(pod: PodInfo, snapshot: Snapshot) -> Check | None:
    wanted = pod.node_name
    if not wanted:
        return None

    def check(node: NodeInfo) -> Rejection | None:
        return None if node.name == wanted else _REJECTED

    return check
