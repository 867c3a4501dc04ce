"""A UDP relay: each client gets a socket of its own towards the target, for as long as it talks."""

from __future__ import annotations

import asyncio
import socket

IDLE_SECONDS = 60.0
MOST_CLIENTS = 1024

Address = tuple[str, int]


class _Back(asyncio.DatagramProtocol):
    """From the target to one client."""

    def __init__(self, relay: DatagramRelay, client: Address) -> None:
        self._relay, self._client = relay, client

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self._relay.answer(data, self._client)

    def error_received(self, exc: Exception) -> None:
        """The target refuses: the next datagram may find another."""


class DatagramRelay(asyncio.DatagramProtocol):
    """Relays what a bound socket receives to `target`."""

    def __init__(self, sock: socket.socket, target: Address) -> None:
        self._sock = sock
        self._target = target
        self._transport: asyncio.DatagramTransport | None = None
        self._clients: dict[Address, asyncio.Task[asyncio.DatagramTransport]] = {}
        self._last: dict[Address, float] = {}
        self._sweeper: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(lambda: self, sock=self._sock)
        self._transport = transport
        self._sweeper = loop.call_later(IDLE_SECONDS, self._sweep)

    def close(self) -> None:
        """Stop, and forget every client."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for client in [*self._clients]:
            self._drop(client)
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        loop = asyncio.get_running_loop()
        task = self._clients.get(addr)
        if task is None:
            if len(self._clients) >= MOST_CLIENTS:
                self._drop(min(self._last, key=self._last.__getitem__))
            task = asyncio.create_task(self._towards_target(addr), name="published datagrams")
            self._clients[addr] = task
        self._last[addr] = loop.time()
        if task.done() and not task.cancelled() and task.exception() is None:
            task.result().sendto(data)
        else:
            task.add_done_callback(lambda done: self._send_when_made(done, addr, data))

    def error_received(self, exc: Exception) -> None:
        """A client that has gone."""

    def answer(self, data: bytes, client: Address) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._last[client] = asyncio.get_running_loop().time()
            self._transport.sendto(data, client)

    async def _towards_target(self, client: Address) -> asyncio.DatagramTransport:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: _Back(self, client), remote_addr=self._target
        )
        return transport

    def _send_when_made(
        self, task: asyncio.Task[asyncio.DatagramTransport], client: Address, data: bytes
    ) -> None:
        if task.cancelled():
            return
        if task.exception() is not None:
            self._clients.pop(client, None)
        elif not task.result().is_closing():
            task.result().sendto(data)

    def _drop(self, client: Address) -> None:
        self._last.pop(client, None)
        task = self._clients.pop(client, None)
        if task is None:
            return
        if not task.done():
            task.cancel()
        elif not task.cancelled() and task.exception() is None:
            task.result().close()

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        for client in [c for c, at in self._last.items() if loop.time() - at > IDLE_SECONDS]:
            self._drop(client)
        self._sweeper = loop.call_later(IDLE_SECONDS, self._sweep)
