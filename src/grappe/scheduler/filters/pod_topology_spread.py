"""`topologySpreadConstraints` that say DoNotSchedule."""

from __future__ import annotations

from grappe.scheduler.filters.rejection import Check, Rejection
from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo
from grappe.scheduler.spreading import constraints, domains

_UNEVEN = "node(s) didn't match pod topology spread constraints"
_REJECTED = Rejection((_UNEVEN,), final=False)
_NO_LABEL = Rejection((f"{_UNEVEN} (missing required label)",), final=True)


def prepare(pod: PodInfo, snapshot: Snapshot) -> Check | None:
    stated = constraints(pod, "DoNotSchedule")
    if not stated:
        return None
    keys = [c.topology_key for c in stated]
    limits = []
    for constraint in stated:
        counts = domains(constraint, pod, snapshot, keys)
        fewest = min(counts.values(), default=0) if len(counts) >= constraint.min_domains else 0
        itself = 1 if constraint.selector.matches(pod.labels) else 0
        limits.append((constraint, counts, constraint.max_skew + fewest - itself))

    def check(node: NodeInfo) -> Rejection | None:
        for constraint, counts, most in limits:
            domain = node.labels.get(constraint.topology_key)
            if domain is None:
                return _NO_LABEL
            if counts.get(domain, 0) > most:
                return _REJECTED
        return None

    return check
