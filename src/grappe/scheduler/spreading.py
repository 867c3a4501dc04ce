"""Topology spread constraints: how many matching pods each domain holds.

Rule: https://kubernetes.io/docs/concepts/scheduling-eviction/topology-spread-constraints/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from grappe.api import Object
from grappe.api.node_selectors import chosen
from grappe.api.selectors import LabelSelector, label_selector_from_object
from grappe.api.tolerations import tolerated
from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo


@dataclass(frozen=True, slots=True)
class Constraint:
    """One constraint, with its selector parsed and `matchLabelKeys` merged into it."""

    topology_key: str
    max_skew: int
    min_domains: int
    selector: LabelSelector
    honour_affinity: bool
    honour_taints: bool

    def counts(self, pod: PodInfo, node: NodeInfo) -> bool:
        """Whether a node takes part in the constraint."""
        if self.topology_key not in node.labels:
            return False
        if self.honour_affinity and not chosen(
            pod.node_selector, pod.affinity, node.name, node.labels
        ):
            return False
        return not (
            self.honour_taints
            and any(
                taint.get("effect") in ("NoSchedule", "NoExecute")
                and not tolerated(pod.tolerations, taint)
                for taint in node.taints
            )
        )

    def matching(self, pod: PodInfo, node: NodeInfo) -> int:
        """How many pods on a node the constraint counts."""
        return sum(
            1
            for other in node.pods.values()
            if other.namespace == pod.namespace
            and not other.terminating
            and self.selector.matches(other.labels)
        )


def _constraint(stated: Object, pod: PodInfo) -> Constraint:
    selector: Object = dict(stated.get("labelSelector") or {})
    keys = [k for k in stated.get("matchLabelKeys") or () if k in pod.labels]
    if keys:
        selector["matchExpressions"] = [
            *(selector.get("matchExpressions") or ()),
            *({"key": k, "operator": "In", "values": [pod.labels[k]]} for k in keys),
        ]
    return Constraint(
        topology_key=stated["topologyKey"],
        max_skew=stated["maxSkew"],
        min_domains=stated.get("minDomains") or 1,
        selector=label_selector_from_object(
            None if stated.get("labelSelector") is None and not keys else selector
        ),
        honour_affinity=stated.get("nodeAffinityPolicy") != "Ignore",
        honour_taints=stated.get("nodeTaintsPolicy") == "Honor",
    )


def constraints(pod: PodInfo, when_unsatisfiable: str) -> list[Constraint]:
    """The pod's constraints that are DoNotSchedule or ScheduleAnyway."""
    return [
        _constraint(stated, pod)
        for stated in pod.spread
        if stated.get("whenUnsatisfiable") == when_unsatisfiable
    ]


def domains(
    constraint: Constraint, pod: PodInfo, snapshot: Snapshot, keys: Iterable[str]
) -> Mapping[str, int]:
    """Matching pods in each domain of the constraint. A node without all the topology keys of
    the pod's constraints is left out, as none of them can be met there."""
    found: dict[str, int] = {}
    wanted = tuple(keys)
    for node in snapshot.nodes:
        if all(k in node.labels for k in wanted) and constraint.counts(pod, node):
            domain = node.labels[constraint.topology_key]
            found[domain] = found.get(domain, 0) + constraint.matching(pod, node)
    return found
