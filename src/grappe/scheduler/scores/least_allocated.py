"""The more cpu and memory is left, the better (NodeResourcesFit, LeastAllocated)."""

from __future__ import annotations

from collections.abc import Sequence

from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo
from grappe.scheduler.scores.normalize import HIGHEST


def _left(capacity: int, used: int) -> int:
    return 0 if used > capacity else (capacity - used) * HIGHEST // capacity


def score(pod: PodInfo, snapshot: Snapshot, nodes: Sequence[NodeInfo]) -> Sequence[int] | None:
    found = []
    for node in nodes:
        cpu, memory = node.allocatable.get("cpu", 0), node.allocatable.get("memory", 0)
        parts = []
        if cpu:
            parts.append(_left(cpu, node.scored[0] + pod.scored[0]))
        if memory:
            parts.append(_left(memory, node.scored[1] + pod.scored[1]))
        found.append(sum(parts) // len(parts) if parts else 0)
    return found
