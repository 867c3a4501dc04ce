"""Ports of the node that a pod asks for, and when two pods cannot have theirs together. Pure.

https://kubernetes.io/docs/reference/scheduling/config/ (NodePorts)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from grappe.api import Object

_EVERY = "0.0.0.0"


class HostPort(NamedTuple):
    """A port of the node that a container wants; `ip` is 0.0.0.0 for all addresses."""

    ip: str
    protocol: str
    port: int

    def clashes(self, other: HostPort) -> bool:
        return (
            self.port == other.port
            and self.protocol == other.protocol
            and (self.ip == other.ip or _EVERY in (self.ip, other.ip))
        )


def host_ports(containers: Iterable[Object]) -> tuple[HostPort, ...]:
    """What these containers of a pod take."""
    return tuple(
        HostPort(port.get("hostIP") or _EVERY, port.get("protocol") or "TCP", port["hostPort"])
        for container in containers
        for port in container.get("ports") or ()
        if port.get("hostPort")
    )
