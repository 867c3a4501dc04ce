"""Forgets UDP flows whose endpoint is gone.

The kernel keeps translating a UDP flow as it began; a client that goes on sending would never
reach another endpoint (https://kubernetes.io/docs/reference/networking/virtual-ips/). TCP notices
by itself. Uses conntrack(8) where it is installed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from grappe.base import programs
from grappe.network.services.table import Change, Element

log = logging.getLogger(__name__)


class StaleFlows(NamedTuple):
    """Flows to `ip:port`; with `endpoint`, only those translated to it."""

    ip: str
    port: int
    endpoint: str = ""

    def arguments(self) -> list[str]:
        found = ["-D", "-p", "udp", "--orig-dst", self.ip, "--orig-port-dst", str(self.port)]
        return [*found, "--reply-src", self.endpoint] if self.endpoint else found


def stale_flows(changes: Mapping[Element, Change]) -> set[StaleFlows]:
    """What a change of the table makes stale.

    Flows to an endpoint no longer among the slots of a frontend, and, where a frontend gets its
    first endpoint, those that began without one.
    """
    found = set()
    kept: dict[tuple[str, str], set[str]] = {}
    lost: dict[tuple[str, str], set[str]] = {}
    for (name, key), (old, new) in changes.items():
        ip, protocol, port, *_ = key.split(" . ") if name in ("services", "slots") else ("",) * 3
        if protocol != "udp":
            continue
        if name == "services" and old is None:
            found.add(StaleFlows(ip, int(port)))
        if name == "slots":
            for value, where in ((old, lost), (new, kept)):
                if value is not None:
                    where.setdefault((ip, port), set()).add(value.split(" . ")[0])
    for (ip, port), endpoints in lost.items():
        for endpoint in endpoints - kept.get((ip, port), set()):
            found.add(StaleFlows(ip, int(port), endpoint))
    return found


async def forget(flows: Iterable[StaleFlows]) -> None:
    """Delete the flows in the namespace of this process; never raises for what is not there."""
    program = programs.find("conntrack")
    if program is None:
        log.warning("conntrack is not installed: old UDP flows keep their endpoint")
        return
    for flow in flows:
        process = await asyncio.create_subprocess_exec(
            program,
            *flow.arguments(),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await process.wait()
