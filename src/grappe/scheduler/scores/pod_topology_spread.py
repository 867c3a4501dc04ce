"""`topologySpreadConstraints` that say ScheduleAnyway. A pod that states none is spread over
hosts and zones by its controller, as Kubernetes' default constraints do."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo
from grappe.scheduler.scores.normalize import HIGHEST
from grappe.scheduler.spreading import constraints, domains

_DEFAULTS = (("kubernetes.io/hostname", 3), ("topology.kubernetes.io/zone", 5))


def _siblings(pod: PodInfo) -> Callable[[NodeInfo], int]:
    def count(node: NodeInfo) -> int:
        return sum(1 for p in node.pods.values() if p.owner == pod.owner and not p.terminating)

    return count


def _by_controller(
    pod: PodInfo, nodes: Sequence[NodeInfo]
) -> list[tuple[str, int, dict[str, int]]]:
    count = _siblings(pod)
    per_node = [count(node) for node in nodes]
    if not any(per_node):
        return []
    found = []
    for key, max_skew in _DEFAULTS:
        sums: dict[str, int] = {}
        for node, number in zip(nodes, per_node, strict=True):
            domain = node.labels.get(key)
            if domain is not None:
                sums[domain] = sums.get(domain, 0) + number
        if sums:
            found.append((key, max_skew, sums))
    return found


def score(pod: PodInfo, snapshot: Snapshot, nodes: Sequence[NodeInfo]) -> Sequence[int] | None:
    if pod.spread:
        soft = constraints(pod, "ScheduleAnyway")
        counted = [
            (c.topology_key, c.max_skew, dict(domains(c, pod, snapshot, [c.topology_key])))
            for c in soft
        ]
    elif pod.owner:
        counted = _by_controller(pod, nodes)
    else:
        return None
    if not counted:
        return None
    raw = []
    for node in nodes:
        cost = 0.0
        for key, max_skew, sums in counted:
            domain = node.labels.get(key)
            if domain is not None:
                cost += sums.get(domain, 0) * math.log(len(sums) + 2) + (max_skew - 1)
        raw.append(round(cost))
    lowest, highest = min(raw), max(raw)
    if highest == 0:
        return None
    return [HIGHEST * (highest + lowest - value) // highest for value in raw]
