"""`nodeSelector` and required `nodeAffinity`."""

from __future__ import annotations

from grappe.api.node_selectors import chosen, required_terms
from grappe.scheduler.filters.rejection import Check, Rejection
from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo

_REJECTED = Rejection(("node(s) didn't match Pod's node affinity/selector",), final=True)


def prepare(pod: PodInfo, snapshot: Snapshot) -> Check | None:
    if not pod.node_selector and required_terms(pod.affinity) is None:
        return None

    def check(node: NodeInfo) -> Rejection | None:
        fits = chosen(pod.node_selector, pod.affinity, node.name, node.labels)
        return None if fits else _REJECTED

    return check
