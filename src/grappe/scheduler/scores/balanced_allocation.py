"""The closer the used shares of cpu and memory are to each other, the better
(NodeResourcesBalancedAllocation). A pod that requests nothing does not change the balance."""

from __future__ import annotations

from collections.abc import Sequence

from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo
from grappe.scheduler.scores.normalize import HIGHEST


def _share(used: int, capacity: int) -> float:
    return min(used / capacity, 1.0) if capacity else 0.0


def score(pod: PodInfo, snapshot: Snapshot, nodes: Sequence[NodeInfo]) -> Sequence[int] | None:
    if "cpu" not in pod.requests and "memory" not in pod.requests:
        return None
    cpu, memory = pod.requests.get("cpu", 0), pod.requests.get("memory", 0)
    found = []
    for node in nodes:
        cpu_share = _share(node.requested.get("cpu", 0) + cpu, node.allocatable.get("cpu", 0))
        memory_share = _share(
            node.requested.get("memory", 0) + memory, node.allocatable.get("memory", 0)
        )
        found.append(int((1 - abs(cpu_share - memory_share) / 2) * HIGHEST))
    return found
