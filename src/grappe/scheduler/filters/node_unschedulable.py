"""A cordoned node takes only pods that tolerate `node.kubernetes.io/unschedulable`."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.tolerations import tolerated
from grappe.scheduler.filters.rejection import Check, Rejection
from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo

_TAINT: Object = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
_REJECTED = Rejection(("node(s) were unschedulable",), final=True)


def prepare(pod: PodInfo, snapshot: Snapshot) -> Check | None:
    if tolerated(pod.tolerations, _TAINT):
        return None

    def check(node: NodeInfo) -> Rejection | None:
        return _REJECTED if node.unschedulable else None

    return check
