"""Which ports of the machine's 127.0.0.1 the cluster wants. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from grappe.api import Object
from grappe.network.services.render import has_cluster_ip, host_ports

_RELAYED = ("TCP", "UDP")


class Port(NamedTuple):
    """`protocol` in capitals, as in a Service."""

    protocol: str
    number: int


def node_ports(service: Object) -> list[Port]:
    """Its node ports."""
    if not has_cluster_ip(service):
        return []
    return [
        Port(port.get("protocol") or "TCP", port["nodePort"])
        for port in service["spec"].get("ports") or ()
        if port.get("nodePort")
    ]


def of_service(service: Object, node_ip: str) -> list[Port]:
    """Its node ports, and its own ports when it has the node's address as a load balancer."""
    found = node_ports(service)
    status = service.get("status") or {}
    ingress = (status.get("loadBalancer") or {}).get("ingress") or ()
    if has_cluster_ip(service) and any(entry.get("ip") == node_ip for entry in ingress):
        found += [
            Port(port.get("protocol") or "TCP", port["port"])
            for port in service["spec"].get("ports") or ()
        ]
    return [port for port in found if port.protocol in _RELAYED]


def of_pod(pod: Object) -> list[Port]:
    """Its host ports."""
    return [
        Port(protocol, number) for protocol, number, _ in host_ports(pod) if protocol in _RELAYED
    ]


def owners(services: Iterable[Object], pods: Iterable[Object], node_ip: str) -> dict[Port, Object]:
    """Every wanted port and the object it is for; Services go before pods, and by name."""
    found: dict[Port, Object] = {}
    for service in sorted(services, key=_by_name):
        for port in of_service(service, node_ip):
            found.setdefault(port, service)
    for pod in sorted(pods, key=_by_name):
        for port in of_pod(pod):
            found.setdefault(port, pod)
    return found


def _by_name(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
