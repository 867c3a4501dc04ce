"""A tainted node takes only pods that tolerate its NoSchedule and NoExecute taints."""

from __future__ import annotations

from grappe.api.tolerations import tolerated
from grappe.scheduler.filters.rejection import Check, Rejection
from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo

_REJECTED = Rejection(("node(s) had untolerated taint(s)",), final=True)


def prepare(pod: PodInfo, snapshot: Snapshot) -> Check | None:
    def check(node: NodeInfo) -> Rejection | None:
        for taint in node.taints:
            if taint.get("effect") in ("NoSchedule", "NoExecute") and not tolerated(
                pod.tolerations, taint
            ):
                return _REJECTED
        return None

    return check
