"""Mends the node's link and the host's routes to it when somebody else removes them.

VPN clients, network managers and `ip route flush` do. The kernel tells of every change of links,
addresses and routes (rtnetlink(7)); nothing is polled.
"""

from __future__ import annotations

import asyncio
import logging
import socket

from grappe.base.config import ClusterConfig
from grappe.base.errors import GrappeError
from grappe.network import namespace, netns

log = logging.getLogger(__name__)

QUIET_SECONDS = 1.0
"""Changes come in flocks; and what mends must not run in circles with what breaks."""

LONGEST_SECONDS = 60.0

_NETLINK_ROUTE = 0
_LINKS, _ADDRESSES, _ROUTES = 0x1, 0x10, 0x40  # RTMGRP_LINK, RTMGRP_IPV4_IFADDR, _ROUTE


async def run(config: ClusterConfig, host_netns_fd: int) -> None:
    """Until cancelled. Must have ended before `namespace.delete`."""
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()
    with netns.inside(host_netns_fd):
        told = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE)
        told.bind((0, _LINKS | _ADDRESSES | _ROUTES))
    told.setblocking(False)

    def drain() -> None:
        changed.set()
        while True:
            try:
                told.recv(65536)
            except BlockingIOError:
                return
            except OSError:
                continue  # more than fits in the buffer

    pause = QUIET_SECONDS
    loop.add_reader(told, drain)
    try:
        while True:
            await changed.wait()
            changed.clear()
            whole = await asyncio.to_thread(_mend, config, host_netns_fd)
            pause = QUIET_SECONDS if whole else min(2 * pause, LONGEST_SECONDS)
            await asyncio.sleep(pause)
    finally:
        loop.remove_reader(told)
        told.close()


def _mend(config: ClusterConfig, host_netns_fd: int) -> bool:
    """Whether all is well now."""
    with netns.inside(host_netns_fd):
        try:
            found = namespace.damages(config)
            if found:
                log.warning("mending the node's network: %s", "; ".join(found))
                namespace.ensure(config)
        except GrappeError as error:
            log.error("the node's network cannot be mended: %s", error)
            return False
    return True
