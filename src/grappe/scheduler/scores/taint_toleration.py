"""The fewer PreferNoSchedule taints the pod does not tolerate, the better."""

from __future__ import annotations

from collections.abc import Sequence

from grappe.api.tolerations import tolerated
from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo
from grappe.scheduler.scores.normalize import normalize


def score(pod: PodInfo, snapshot: Snapshot, nodes: Sequence[NodeInfo]) -> Sequence[int] | None:
    raw = [
        sum(
            1
            for taint in node.taints
            if taint.get("effect") == "PreferNoSchedule" and not tolerated(pod.tolerations, taint)
        )
        for node in nodes
    ]
    return normalize(raw, reverse=True)
