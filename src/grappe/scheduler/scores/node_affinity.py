"""Preferred `nodeAffinity` terms, by weight."""

from __future__ import annotations

from collections.abc import Sequence

from grappe.api.node_selectors import term_matches
from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo
from grappe.scheduler.scores.normalize import normalize


def score(pod: PodInfo, snapshot: Snapshot, nodes: Sequence[NodeInfo]) -> Sequence[int] | None:
    terms = pod.affinity_terms("nodeAffinity", required=False)
    if not terms:
        return None
    raw = [
        sum(
            t["weight"]
            for t in terms
            if term_matches(t.get("preference") or {}, node.name, node.labels)
        )
        for node in nodes
    ]
    return normalize(raw)
