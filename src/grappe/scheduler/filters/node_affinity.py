"""`nodeSelector` and required `nodeAffinity`."""

from __future__ import annotations

from grappe.scheduler.filters.rejection import Check, Rejection
from grappe.scheduler.node_selectors import node_matches, required_terms
from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo

_REJECTED = Rejection(("node(s) didn't match Pod's node affinity/selector",), final=True)


def prepare(pod: PodInfo, snapshot: Snapshot) -> Check | None:
    if not pod.node_selector and required_terms(pod) is None:
        return None

    def check(node: NodeInfo) -> Rejection | None:
        return None if node_matches(pod, node) else _REJECTED

    return check
