"""A `hostPort` is free on the node."""

from __future__ import annotations

from grappe.scheduler.filters.rejection import Check, Rejection
from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo

_REJECTED = Rejection(("node(s) didn't have free ports for the requested pod ports",), final=False)


def prepare(pod: PodInfo, snapshot: Snapshot) -> Check | None:
    if not pod.ports:
        return None

    def check(node: NodeInfo) -> Rejection | None:
        taken = any(wanted.clashes(used) for used in node.ports for wanted in pod.ports)
        return _REJECTED if taken else None

    return check
