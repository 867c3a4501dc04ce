"""Preferred `podAffinity` and `podAntiAffinity`, the pod's own and those of pods already placed;
a required affinity of a placed pod counts as a preference of weight 1."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pod_terms import Domain, Term, preferred_terms, required_terms
from grappe.scheduler.pods import PodInfo
from grappe.scheduler.scores.normalize import between


def _wishes(pod: PodInfo, *, hard: bool) -> list[tuple[int, Term]]:
    wishes = preferred_terms(pod, "podAffinity")
    wishes += [(-weight, term) for weight, term in preferred_terms(pod, "podAntiAffinity")]
    if hard:
        wishes += [(1, term) for term in required_terms(pod, "podAffinity")]
    return wishes


def _credit(
    sums: dict[Domain, int],
    node: NodeInfo,
    wishes: Iterable[tuple[int, Term]],
    about: PodInfo,
    snapshot: Snapshot,
) -> None:
    for weight, term in wishes:
        value = node.labels.get(term.topology_key)
        if value is not None and term.matches(about, snapshot.namespaces):
            domain = (term.topology_key, value)
            sums[domain] = sums.get(domain, 0) + weight


def score(pod: PodInfo, snapshot: Snapshot, nodes: Sequence[NodeInfo]) -> Sequence[int] | None:
    sums: dict[Domain, int] = {}
    own = _wishes(pod, hard=False)
    for node in snapshot.nodes:
        if own:
            for other in node.pods.values():
                _credit(sums, node, own, other, snapshot)
        for other in node.with_affinity:
            _credit(sums, node, _wishes(other, hard=True), pod, snapshot)
    if not sums:
        return None
    return between(
        [sum(w for (key, v), w in sums.items() if n.labels.get(key) == v) for n in nodes]
    )
