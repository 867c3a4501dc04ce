"""Which of the possible nodes a pod runs best on: one module for each rule, named as
Kubernetes' plugin, with Kubernetes' default weights.

Each module has `score(pod, snapshot, nodes)`, which gives every node 0…100, or None when the rule
does not tell them apart. Pure; must never rule a node out, which is the filters' part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo
from grappe.scheduler.scores import (
    balanced_allocation,
    image_locality,
    inter_pod_affinity,
    least_allocated,
    node_affinity,
    pod_topology_spread,
    taint_toleration,
)

Score = Callable[[PodInfo, Snapshot, Sequence[NodeInfo]], Sequence[int] | None]

WEIGHTED: tuple[tuple[Score, int], ...] = (
    (taint_toleration.score, 3),
    (node_affinity.score, 2),
    (pod_topology_spread.score, 2),
    (inter_pod_affinity.score, 2),
    (least_allocated.score, 1),
    (balanced_allocation.score, 1),
    (image_locality.score, 1),
)


def total(pod: PodInfo, snapshot: Snapshot, nodes: Sequence[NodeInfo]) -> list[int]:
    """The weighted sum for each node."""
    sums = [0] * len(nodes)
    for score, weight in WEIGHTED:
        scores = score(pod, snapshot, nodes)
        if scores is not None:
            for number, value in enumerate(scores):
                sums[number] += weight * value
    return sums
