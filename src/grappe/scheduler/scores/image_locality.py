"""Nodes that hold the pod's images already, by size and by how many nodes hold them."""

from __future__ import annotations

from collections.abc import Sequence

from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo
from grappe.scheduler.scores.normalize import HIGHEST

_MEBIBYTE = 1024 * 1024
LEAST = 23 * _MEBIBYTE
MOST_PER_CONTAINER = 1000 * _MEBIBYTE


def _full_name(image: str) -> str:
    """With the tag that is meant when none is stated, as nodes list their images."""
    return image if ":" in image.rsplit("/", 1)[-1] else f"{image}:latest"


def score(pod: PodInfo, snapshot: Snapshot, nodes: Sequence[NodeInfo]) -> Sequence[int] | None:
    everywhere = len(snapshot.nodes)
    if everywhere < 2 or not pod.images:
        return None
    names = [_full_name(image) for image in pod.images]
    spread = {name: sum(name in n.images for n in snapshot.nodes) / everywhere for name in names}
    if not any(spread.values()):
        return None
    most = MOST_PER_CONTAINER * len(names)
    found = []
    for node in nodes:
        held = sum(int(node.images.get(name, 0) * spread[name]) for name in names)
        within = min(max(held, LEAST), most)
        found.append(HIGHEST * (within - LEAST) // (most - LEAST))
    return found
