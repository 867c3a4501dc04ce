"""Terms of `podAffinity` and `podAntiAffinity`.

Rule: https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#inter-pod-affinity-and-anti-affinity
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from grappe.api import Object
from grappe.api.selectors import LabelSelector, label_selector_from_object
from grappe.scheduler.pods import PodInfo

Domain = tuple[str, str]
"""A topology key and its value."""


@dataclass(frozen=True, slots=True)
class Term:
    """Which pods a term is about, and what counts as the same place."""

    topology_key: str
    namespaces: frozenset[str]
    selector: LabelSelector
    namespace_selector: LabelSelector | None

    def matches(self, pod: PodInfo, namespaces: Mapping[str, Mapping[str, str]]) -> bool:
        """Whether the term is about `pod`; `namespaces` gives each namespace's labels."""
        if pod.namespace not in self.namespaces and not (
            self.namespace_selector is not None
            and self.namespace_selector.matches(namespaces.get(pod.namespace, {}))
        ):
            return False
        return self.selector.matches(pod.labels)


def _selector(stated: Object, owner: PodInfo) -> LabelSelector:
    """The term's selector with `matchLabelKeys` and `mismatchLabelKeys` of its pod merged in."""
    extra = [
        {"key": key, "operator": operator, "values": [owner.labels[key]]}
        for field, operator in (("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn"))
        for key in stated.get(field) or ()
        if key in owner.labels
    ]
    selector = stated.get("labelSelector")
    if selector is not None and extra:
        selector = {
            **selector,
            "matchExpressions": [*(selector.get("matchExpressions") or ()), *extra],
        }
    return label_selector_from_object(selector)


def parse_term(stated: Object, owner: PodInfo) -> Term:
    """A PodAffinityTerm of `owner`; without namespaces it is about the owner's own."""
    named = stated.get("namespaces") or ()
    selector = stated.get("namespaceSelector")
    return Term(
        topology_key=stated["topologyKey"],
        namespaces=frozenset(named or (() if selector is not None else (owner.namespace,))),
        selector=_selector(stated, owner),
        namespace_selector=None if selector is None else label_selector_from_object(selector),
    )


def required_terms(pod: PodInfo, kind: str) -> list[Term]:
    """The required terms of `podAffinity` or `podAntiAffinity`."""
    return [parse_term(t, pod) for t in pod.affinity_terms(kind, required=True)]


def preferred_terms(pod: PodInfo, kind: str) -> list[tuple[int, Term]]:
    """The preferred terms with their weights."""
    return [
        (t["weight"], parse_term(t["podAffinityTerm"], pod))
        for t in pod.affinity_terms(kind, required=False)
    ]
