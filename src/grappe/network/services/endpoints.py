"""Which endpoints of a Service may get traffic now.

https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#conditions and
https://kubernetes.io/docs/reference/networking/virtual-ips/#traffic-policies
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from grappe.api import Object

SERVICE_LABEL = "kubernetes.io/service-name"
PROTOCOLS = ("TCP", "UDP", "SCTP")


class Endpoint(NamedTuple):
    """Where one port of a Service is answered."""

    ip: str
    port: int


class Candidate(NamedTuple):
    """An endpoint with what its slice says of it."""

    endpoint: Endpoint
    ready: bool
    serving: bool
    terminating: bool
    node: str


def is_ipv4(text: Any) -> bool:
    """Whether it is an IPv4 address as one writes it. What goes into the kernel's table is checked
    here once more: one wrong word would stop every later change."""
    try:
        return isinstance(text, str) and bool(ipaddress.IPv4Address(text))
    except ValueError:
        return False


def is_port(number: Any) -> bool:
    """Whether anything can listen there."""
    return isinstance(number, int) and 0 < number < 65536


def service_of(slice_: Object) -> tuple[str, str] | None:
    """Namespace and name of the Service a slice belongs to."""
    meta = slice_["metadata"]
    name = (meta.get("labels") or {}).get(SERVICE_LABEL)
    return (meta.get("namespace", ""), name) if name else None


def candidates(slices: Iterable[Object], port_name: str, protocol: str) -> list[Candidate]:
    """Every IPv4 endpoint of the port with that name, in a stable order, none twice."""
    found: dict[Endpoint, Candidate] = {}
    for slice_ in slices:
        if slice_.get("addressType") != "IPv4":
            continue
        for number in _port_numbers(slice_, port_name, protocol):
            for entry in slice_.get("endpoints") or ():
                for candidate in _candidates_of(entry, number):
                    known = found.get(candidate.endpoint)
                    if known is None or (candidate.ready and not known.ready):
                        found[candidate.endpoint] = candidate
    return [found[endpoint] for endpoint in sorted(found)]


def usable(among: Sequence[Candidate], *, only_node: str = "") -> list[Endpoint]:
    """The ready ones; when there is none, those that terminate but still serve.

    `only_node` keeps to one node, as the traffic policy `Local` asks.
    """
    if only_node:
        among = [c for c in among if c.node == only_node]
    ready = [c.endpoint for c in among if c.ready]
    return ready or [c.endpoint for c in among if c.serving and c.terminating]


def _port_numbers(slice_: Object, name: str, protocol: str) -> list[int]:
    return [
        port["port"]
        for port in slice_.get("ports") or ()
        if (port.get("name") or "") == name
        and (port.get("protocol") or "TCP") == protocol
        and is_port(port.get("port"))
    ]


def _candidates_of(entry: Object, port: int) -> list[Candidate]:
    """An endpoint has one address in practice; a condition left out counts as true for `ready`,
    as `ready` for `serving` and as false for `terminating`."""
    conditions = entry.get("conditions") or {}
    ready = conditions.get("ready") is not False
    serving = conditions.get("serving")
    return [
        Candidate(
            Endpoint(address, port),
            ready,
            ready if serving is None else serving,
            bool(conditions.get("terminating")),
            entry.get("nodeName") or "",
        )
        for address in (entry.get("addresses") or ())[:1]
        if is_ipv4(address) and not address.startswith("127.")
    ]
