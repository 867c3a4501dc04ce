"""A Service and its EndpointSlices (or a pod with host ports) → elements of the table. Pure.

An element is `(set, key) → value`, in nft's own words; `ruleset.py` shows the sets. The slot
an arriving connection draws is its mark: a number below the count of endpoints, or, where clients
stick to an endpoint, that endpoint's address as a number.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from grappe.api import Object
from grappe.network.services.endpoints import (
    PROTOCOLS,
    Endpoint,
    candidates,
    is_ipv4,
    is_port,
    usable,
)

Elements: TypeAlias = dict[tuple[str, str], str]

DEFAULT_STICKY_SECONDS = 10800


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What rendering needs to know of the node. `own_addresses` are answered by the node itself
    (cluster DNS) and never translated."""

    name: str
    ip: str
    own_addresses: frozenset[str] = frozenset()


class Frontend(NamedTuple):
    """An address and port clients connect to; `protocol` as nft writes it."""

    ip: str
    protocol: str
    port: int

    def __str__(self) -> str:
        return f"{self.ip} . {self.protocol} . {self.port}"


def has_cluster_ip(service: Object) -> bool:
    """Whether the Service is balanced at all: not headless, not an ExternalName."""
    spec = service.get("spec") or {}
    ip = spec.get("clusterIP")
    return bool(ip) and ip != "None" and spec.get("type") != "ExternalName"


def service_elements(service: Object, slices: Iterable[Object], node: NodeFacts) -> Elements:
    """Everything the table holds for one Service."""
    if not has_cluster_ip(service):
        return {}
    spec = service["spec"]
    slices = list(slices)
    sticky = _sticky_seconds(spec)
    elements: Elements = {}
    for port in spec.get("ports") or ():
        protocol = port.get("protocol") or "TCP"
        if protocol not in PROTOCOLS or not is_port(port.get("port")):
            continue
        found = candidates(slices, port.get("name") or "", protocol)
        for frontend, local in _frontends(service, port, node):
            chosen = usable(found, only_node=node.name if local else "")
            elements |= frontend_elements(frontend, chosen, sticky)
    for address in _external_addresses(service):
        if address != node.ip:  # where others listen too, and the kernel refuses by itself
            elements["external", address] = ""
    return elements


def host_port_elements(pod: Object, node: NodeFacts) -> Elements:
    """Everything the table holds for a pod's host ports: reachable at the node's address."""
    elements: Elements = {}
    for protocol, host_port, endpoint in host_ports(pod):
        frontend = Frontend(node.ip, protocol.lower(), host_port)
        elements |= frontend_elements(frontend, [endpoint], 0)
    return elements


def host_ports(pod: Object) -> list[tuple[str, int, Endpoint]]:
    """(protocol, hostPort, where it leads) of a pod that has an address and has not ended."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    ip = str(status.get("podIP"))
    if spec.get("hostNetwork") or not is_ipv4(ip) or status.get("phase") in ("Succeeded", "Failed"):
        return []
    containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
    return [
        (port.get("protocol") or "TCP", port["hostPort"], Endpoint(ip, port["containerPort"]))
        for container in containers
        for port in container.get("ports") or ()
        if is_port(port.get("hostPort")) and is_port(port.get("containerPort"))
        if (port.get("protocol") or "TCP") in PROTOCOLS
    ]


def frontend_elements(
    frontend: Frontend, endpoints: Sequence[Endpoint], sticky_seconds: int
) -> Elements:
    """No endpoints, no elements: what is not translated is refused by the fixed rules."""
    if not endpoints:
        return {}
    elements: Elements = {}
    if sticky_seconds:
        endpoints = list({endpoint.ip: endpoint for endpoint in reversed(endpoints)}.values())
        endpoints.reverse()
        elements["services", str(frontend)] = f"goto sticky{len(endpoints)}-{sticky_seconds}"
    else:
        elements["services", str(frontend)] = f"goto spread{len(endpoints)}"
    for number, endpoint in enumerate(endpoints):
        slot = number
        if sticky_seconds:
            slot = int(ipaddress.IPv4Address(endpoint.ip))
            elements["drawn", f"{frontend} . {number}"] = str(slot)
        elements["slots", f"{frontend} . {slot}"] = f"{endpoint.ip} . {endpoint.port}"
        elements["hairpin", f"{endpoint.ip} . {endpoint.ip}"] = ""
    return elements


def _frontends(service: Object, port: Object, node: NodeFacts) -> Iterator[tuple[Frontend, bool]]:
    """Each address the port is reached at, and whether only this node's endpoints answer there."""
    spec = service["spec"]
    protocol = (port.get("protocol") or "TCP").lower()
    number = port["port"]
    if spec["clusterIP"] not in node.own_addresses and is_ipv4(spec["clusterIP"]):
        local = spec.get("internalTrafficPolicy") == "Local"
        yield Frontend(spec["clusterIP"], protocol, number), local
    local = spec.get("externalTrafficPolicy") == "Local"
    if is_port(port.get("nodePort")):
        yield Frontend(node.ip, protocol, port["nodePort"]), local
    for address in _external_addresses(service):
        yield Frontend(address, protocol, number), local


def _external_addresses(service: Object) -> list[str]:
    """`externalIPs`, and load balancer addresses that are not a proxy's own
    (https://kubernetes.io/docs/concepts/services-networking/service/#load-balancer-ip-mode)."""
    status = service.get("status") or {}
    ingress = (status.get("loadBalancer") or {}).get("ingress") or ()
    balanced = [entry["ip"] for entry in ingress if entry.get("ip") and _is_vip(entry)]
    return [ip for ip in [*(service["spec"].get("externalIPs") or ()), *balanced] if is_ipv4(ip)]


def _is_vip(entry: Object) -> bool:
    return bool(entry.get("ipMode", "VIP") == "VIP")


def _sticky_seconds(spec: Object) -> int:
    if spec.get("sessionAffinity") != "ClientIP":
        return 0
    client_ip = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    return int(client_ip.get("timeoutSeconds") or DEFAULT_STICKY_SECONDS)
