"""Which nodes a pod may run on: one module for each rule, named as Kubernetes' plugin.

Each module has `prepare(pod, snapshot)`, which looks at the pod once and returns a check to call
for every node, or None when the rule does not concern this pod. Pure: must never look
at the clock or do I/O.
https://kubernetes.io/docs/reference/scheduling/config/#scheduling-plugins
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from grappe.scheduler.filters import (
    inter_pod_affinity,
    node_affinity,
    node_name,
    node_ports,
    node_resources_fit,
    node_unschedulable,
    pod_topology_spread,
    taint_toleration,
)
from grappe.scheduler.filters.rejection import Check, Rejection
from grappe.scheduler.nodes import NodeInfo, Snapshot
from grappe.scheduler.pods import PodInfo

Prepare = Callable[[PodInfo, Snapshot], Check | None]

ALL: tuple[Prepare, ...] = (
    node_unschedulable.prepare,
    node_name.prepare,
    taint_toleration.prepare,
    node_affinity.prepare,
    node_ports.prepare,
    node_resources_fit.prepare,
    pod_topology_spread.prepare,
    inter_pod_affinity.prepare,
)
"""In the order a node is asked: the first rejection is the one reported."""


class Filters(NamedTuple):
    """The checks that concern one pod."""

    checks: tuple[Check, ...]

    @classmethod
    def prepare(cls, pod: PodInfo, snapshot: Snapshot) -> Filters:
        prepared = (prepare(pod, snapshot) for prepare in ALL)
        return cls(tuple(check for check in prepared if check is not None))

    def first_rejection(self, node: NodeInfo) -> Rejection | None:
        for check in self.checks:
            rejection = check(node)
            if rejection is not None:
                return rejection
        return None


__all__ = ["ALL", "Check", "Filters", "Rejection"]
