"""Where one pod goes: a pure function of the pod and a snapshot.

The same pod and snapshot always give the same node: ties are broken by the pod's uid.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from grappe.scheduler import scores
from grappe.scheduler.filters import Filters, Rejection
from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo

_ENOUGH = 100
"""Up to so many nodes, all are compared; above, a share that shrinks with their number."""


@dataclass(frozen=True, slots=True)
class Placement:
    """The node to bind to."""

    node: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """No node does; why, for each node by name."""

    nodes: Mapping[str, Rejection]

    @property
    def message(self) -> str:
        """As in `0/2 nodes are available: 1 Insufficient cpu, 1 Too many pods.`"""
        if not self.nodes:
            return "no nodes available to schedule pods"
        return summary(len(self.nodes), [r.reasons for r in self.nodes.values()])


def summary(nodes: int, reasons: Sequence[Sequence[str]]) -> str:
    """How many nodes gave each reason, in Kubernetes' form."""
    counts = Counter(reason for listed in reasons for reason in listed)
    told = ", ".join(sorted(f"{count} {reason}" for reason, count in counts.items()))
    return f"0/{nodes} nodes are available: {told}."


def nodes_to_find(nodes: int) -> int:
    """How many possible nodes are enough to choose from, as kube-scheduler by default."""
    if nodes <= _ENOUGH:
        return nodes
    percentage = max(50 - nodes // 125, 5)
    return max(nodes * percentage // 100, _ENOUGH)


def _rotated(nodes: Sequence[NodeInfo], uid: str, wanted: int) -> Sequence[NodeInfo]:
    """Where only some nodes are looked at, each pod begins elsewhere."""
    if wanted >= len(nodes):
        return nodes
    start = zlib.crc32(uid.encode()) % len(nodes)
    return (*nodes[start:], *nodes[:start])


def decide(pod: PodInfo, snapshot: Snapshot) -> Placement | Rejected:
    """The best node for `pod`, or why there is none."""
    filters = Filters.prepare(pod, snapshot)
    wanted = nodes_to_find(len(snapshot.nodes))
    possible: list[NodeInfo] = []
    rejections: dict[str, Rejection] = {}
    for node in _rotated(snapshot.nodes, pod.uid, wanted):
        rejection = filters.first_rejection(node)
        if rejection is None:
            possible.append(node)
            if len(possible) >= wanted or node.name == pod.nominated_node:
                break
        else:
            rejections[node.name] = rejection
    if not possible:
        return Rejected(rejections)
    if possible[-1].name == pod.nominated_node:
        return Placement(possible[-1].name)
    return Placement(_best(pod, snapshot, possible))


def _best(pod: PodInfo, snapshot: Snapshot, possible: Sequence[NodeInfo]) -> str:
    if len(possible) == 1:
        return possible[0].name
    sums = scores.total(pod, snapshot, possible)
    highest = max(sums)
    ties = [n.name for n, s in zip(possible, sums, strict=True) if s == highest]
    return sorted(ties)[zlib.crc32(pod.uid.encode()) % len(ties)]
