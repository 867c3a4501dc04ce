"""Whether this node takes a pod that was bound to it (pure): the kubelet's last word.

https://kubernetes.io/docs/reference/node/ (reasons: OutOfcpu, OutOfmemory, OutOfpods,
NodePorts, …)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from grappe.api import Object, quantity
from grappe.api.host_ports import HostPort, host_ports
from grappe.node.pods import spec
from grappe.node.pods.resources import pod_request


class Rejection(NamedTuple):
    """The pod's phase becomes Failed with this reason and message."""

    reason: str
    message: str


def admit(
    pod: Object, others: Iterable[Object], allocatable: Mapping[str, str]
) -> Rejection | None:
    """None when the node has room; `others` are the pods it already has and that still run."""
    running = list(others)
    most = int(allocatable.get("pods", "110"))
    if len(running) + 1 > most:
        return Rejection(
            "OutOfpods",
            "Pod was rejected: Node didn't have enough resource: pods, requested: 1, "
            f"used: {len(running)}, capacity: {most}",
        )
    for resource, amount in (("cpu", quantity.millis), ("memory", quantity.units)):
        wanted = pod_request(pod, resource)
        if not wanted:
            continue
        used = sum(pod_request(other, resource) for other in running)
        capacity = amount(allocatable.get(resource, "0"))
        if used + wanted > capacity:
            return Rejection(
                f"OutOf{resource}",
                f"Pod was rejected: Node didn't have enough resource: {resource}, "
                f"requested: {wanted}, used: {used}, capacity: {capacity}",
            )
    if _ports_taken(pod, running):
        return Rejection(
            "NodePorts",
            "Pod was rejected: Predicate NodePorts failed: node(s) didn't have free ports for the "
            "requested pod ports",
        )
    return None


def _ports_taken(pod: Object, others: Iterable[Object]) -> bool:
    """Whether a port of the host that the pod asks for is another's already."""
    wanted = _ports(pod)
    return bool(wanted) and any(
        mine.clashes(taken) for other in others for taken in _ports(other) for mine in wanted
    )


def _ports(pod: Object) -> tuple[HostPort, ...]:
    """Those that stay taken while the pod runs."""
    return host_ports(c.spec for c in spec.containers(pod) if c.kind == "main" or c.restartable)
