"""Follows the Services and pods that have ports here; opens, retries and closes."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket

from grappe.api import Object
from grappe.client.informer import EventType, Informer, until_synced
from grappe.network import netns
from grappe.network.published.datagrams import DatagramRelay
from grappe.network.published.holder import holder
from grappe.network.published.relay import Relay
from grappe.network.published.wanted import Port, of_service, owners
from grappe.reconcile.events import Recorder

log = logging.getLogger(__name__)

ADDRESS = "127.0.0.1"
RETRY_SECONDS = 0.5
"""Another cluster may have had the port, and nobody answers on it until it is ours."""


class PublishedPorts:
    """Listens on the host's 127.0.0.1 for every wanted port, relays to the node's address.

    A port that is taken is reported by a Warning event on its object, once, and tried again every
    few seconds until it is free or no longer wanted.
    """

    def __init__(
        self,
        services: Informer,
        pods: Informer,
        *,
        host_netns_fd: int,
        node_ip: str,
        recorder: Recorder,
    ) -> None:
        self._services = services
        self._pods = pods
        self._host = host_netns_fd
        self._node_ip = node_ip
        self._recorder = recorder
        self._open: dict[Port, Relay | DatagramRelay] = {}
        self._reported: dict[Port, str] = {}
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled; then every port is released."""
        self._services.add_handler(self._service_changed)
        self._pods.add_handler(lambda *_: self._wake.set())
        await until_synced(self._services, self._pods)
        try:
            while True:
                self._wake.clear()
                await self._settle()
                patience = RETRY_SECONDS if self._reported else None
                try:
                    async with asyncio.timeout(patience):
                        await self._wake.wait()
                except TimeoutError:
                    pass
        finally:
            for relay in self._open.values():
                relay.close()
            self._open.clear()

    def _service_changed(self, _type: EventType, service: Object, old: Object | None) -> None:
        versions = [service] if old is None else [service, old]
        if any(of_service(version, self._node_ip) for version in versions):
            self._wake.set()

    async def _settle(self) -> None:
        wanted = owners(self._services.list(), self._pods.list(), self._node_ip)
        for port in self._open.keys() - wanted.keys():
            self._open.pop(port).close()
        for port in self._reported.keys() - wanted.keys():
            del self._reported[port]
        for port in sorted(wanted.keys() - self._open.keys()):
            await self._publish(port, wanted[port])

    async def _publish(self, port: Port, owner: Object) -> None:
        kind = socket.SOCK_STREAM if port.protocol == "TCP" else socket.SOCK_DGRAM
        sock = netns.socket_in(self._host, socket.AF_INET, kind)
        try:
            if port.protocol == "TCP":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((ADDRESS, port.number))
            target = (self._node_ip, port.number)
            relay = Relay(sock, target) if port.protocol == "TCP" else DatagramRelay(sock, target)
            await relay.start()
        except OSError as error:
            sock.close()
            self._report(port, owner, error)
        except BaseException:
            sock.close()
            raise
        else:
            self._open[port] = relay
            if self._reported.pop(port, None):
                log.info("%s:%d is free again and published", ADDRESS, port.number)

    def _report(self, port: Port, owner: Object, error: OSError) -> None:
        """Once for each object: it stays on the object as long as events do."""
        uid = owner["metadata"].get("uid", "")
        if self._reported.get(port) == uid:
            return
        self._reported[port] = uid
        if error.errno == errno.EADDRINUSE:
            by = holder(port, self._host)
            why = f"port {port.number}/{port.protocol} of {ADDRESS} is held by {by}; stop it or"
        else:
            why = f"port {port.number}/{port.protocol} of {ADDRESS} cannot be opened: {error};"
        message = (
            f"{why} choose another port. Until then reach it at "
            f"{self._node_ip}:{port.number} from this machine"
        )
        log.warning("%s", message)
        self._recorder.event(owner, "Warning", "PortConflict", message)
