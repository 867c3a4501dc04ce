"""Who holds which port of the node's address. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from grappe.api import Object
from grappe.network.published.wanted import Port, node_ports
from grappe.network.services.render import has_cluster_ip

Key = tuple[str, str]
"""Namespace and name of a Service."""


@dataclass(slots=True)
class Plan:
    """`give` and `take` the address; `refused` say what is in the way."""

    give: list[Key] = field(default_factory=list)
    take: list[Key] = field(default_factory=list)
    refused: dict[Key, str] = field(default_factory=dict)


def decide(services: Iterable[Object], address: str, reserved: Mapping[Port, str]) -> Plan:
    """First come, first served: a Service has the address with all of its ports or not at all.

    `reserved` ports are others' (the kubelet's, host ports of pods), with what to call them.
    """
    services = sorted(services, key=lambda s: (not holds(s, address), _age(s)))
    taken = dict(reserved)
    for service in services:
        for port in node_ports(service):
            taken.setdefault(port, f"Service {_called(service)}")
    plan = Plan()
    for service in services:
        key = (service["metadata"]["namespace"], service["metadata"]["name"])
        if not _is_ours(service):
            if holds(service, address) and not _of_another_class(service):
                plan.take.append(key)
            continue
        ports = balanced_ports(service)
        conflict = next((port for port in ports if port in taken), None)
        if conflict is not None:
            plan.refused[key] = (
                f"port {conflict.number}/{conflict.protocol} of {address} belongs to "
                f"{taken[conflict]}: choose another port, or delete that"
            )
            if holds(service, address):
                plan.take.append(key)
            continue
        taken |= {port: f"Service {_called(service)}" for port in ports}
        if not holds(service, address):
            plan.give.append(key)
    return plan


def holds(service: Object, address: str) -> bool:
    """Whether its status says that it is reached at the address."""
    status = service.get("status") or {}
    ingress = (status.get("loadBalancer") or {}).get("ingress") or ()
    return any(entry.get("ip") == address for entry in ingress)


def balanced_ports(service: Object) -> list[Port]:
    """The ports a Service takes of the address."""
    return [
        Port(port.get("protocol") or "TCP", port["port"])
        for port in service["spec"].get("ports") or ()
    ]


def _is_ours(service: Object) -> bool:
    spec = service.get("spec") or {}
    return (
        spec.get("type") == "LoadBalancer"
        and has_cluster_ip(service)
        and not spec.get("loadBalancerClass")
        and not service["metadata"].get("deletionTimestamp")
    )


def _of_another_class(service: Object) -> bool:
    spec = service.get("spec") or {}
    return bool(spec.get("type") == "LoadBalancer" and spec.get("loadBalancerClass"))


def _age(service: Object) -> tuple[str, str, str]:
    meta = service["metadata"]
    return meta.get("creationTimestamp", ""), meta["namespace"], meta["name"]


def _called(service: Object) -> str:
    return f"{service['metadata']['namespace']}/{service['metadata']['name']}"
