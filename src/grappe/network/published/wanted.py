"""Which ports of the machine's 127.0.0.1 the cluster wants. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from grappe.api import Object
from grappe.network.services.render import has_cluster_ip, host_ports


class Port(NamedTuple):
    """`protocol` is TCP or UDP."""

    protocol: str
    number: int


def of_service(service: Object) -> list[Port]:
    """Its node ports."""
    if not has_cluster_ip(service):
        return []
    return [
        Port(port.get("protocol") or "TCP", port["nodePort"])
        for port in service["spec"].get("ports") or ()
        if port.get("nodePort") and port.get("protocol", "TCP") in ("TCP", "UDP")
    ]


def of_pod(pod: Object) -> list[Port]:
    """Its host ports."""
    return [
        Port(protocol, number)
        for protocol, number, _ in host_ports(pod)
        if protocol in ("TCP", "UDP")
    ]


def owners(services: Iterable[Object], pods: Iterable[Object]) -> dict[Port, Object]:
    """Every wanted port and the object it is for; Services go before pods, and by name."""
    found: dict[Port, Object] = {}
    for objects, ports in ((services, of_service), (pods, of_pod)):
        for obj in sorted(objects, key=_by_name):
            for port in ports(obj):
                found.setdefault(port, obj)
    return found


def _by_name(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
