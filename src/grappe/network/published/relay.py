"""A TCP relay: what arrives on a listener goes to a target and back.

Half-closed connections stay half-closed, a slow side slows the other, and a target that refuses
is tried again for a moment: during a rolling update the next attempt finds another endpoint.
"""

from __future__ import annotations

import asyncio
import socket
from typing import cast

CONNECT_PATIENCE_SECONDS = 3.0
CONNECT_ATTEMPT_SECONDS = 0.5
CONNECT_PAUSE_SECONDS = 0.05


class _Side(asyncio.Protocol):
    """One of two connections; what it receives, `peer` sends."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.peer: _Side | None = None
        self.ended = False
        """Whether the other end has said it will send no more."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        sock: socket.socket = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def data_received(self, data: bytes) -> None:
        if (sink := self._open_peer()) is not None:
            sink.write(data)

    def eof_received(self) -> bool:
        """True keeps the other direction open."""
        self.ended = True
        sink = self._open_peer()
        if sink is None or self.peer is None:
            return False
        if self.peer.ended:
            sink.close()
            return False
        sink.write_eof()
        return True

    def pause_writing(self) -> None:
        if (source := self._open_peer()) is not None:
            source.pause_reading()

    def resume_writing(self) -> None:
        if (source := self._open_peer()) is not None:
            source.resume_reading()

    def _open_peer(self) -> asyncio.Transport | None:
        transport = self.peer.transport if self.peer is not None else None
        return None if transport is None or transport.is_closing() else transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        peer, self.peer = self.peer, None
        if peer is not None and peer.transport is not None:
            peer.transport.close()


class _Accepted(_Side):
    """The client's side: keeps what comes before the target is there, which is one read at most
    (uvloop begins to read whatever `connection_made` asked for)."""

    def __init__(self, target: tuple[str, int], running: set[asyncio.Task[None]]) -> None:
        super().__init__()
        self._target = target
        self._running = running
        self._early = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        cast(asyncio.Transport, transport).pause_reading()
        task = asyncio.create_task(self._connect(), name="published port")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def data_received(self, data: bytes) -> None:
        if self.peer is not None:
            super().data_received(data)
            return
        self._early += data
        if self.transport is not None:
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        if self.peer is not None:
            return super().eof_received()
        self.ended = True
        return True

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + CONNECT_PATIENCE_SECONDS
        while self.transport is not None and not self.transport.is_closing():
            try:
                async with asyncio.timeout(CONNECT_ATTEMPT_SECONDS):
                    _, side = await loop.create_connection(_Side, *self._target)
            except OSError:  # TimeoutError too
                if loop.time() >= give_up:
                    self.transport.abort()
                    return
                await asyncio.sleep(CONNECT_PAUSE_SECONDS)
                continue
            self._join(side)
            return

    def _join(self, side: _Side) -> None:
        if self.transport is None or side.transport is None:
            for one in (self.transport, side.transport):
                if one is not None:
                    one.abort()
            return
        self.peer, side.peer = side, self
        if self._early:
            side.transport.write(self._early)
            self._early = b""
        if self.ended:
            side.transport.write_eof()
        self.transport.resume_reading()


class Relay:
    """Relays what a listening socket accepts to `target`, an address as `connect` takes it."""

    def __init__(self, listener: socket.socket, target: tuple[str, int]) -> None:
        self._listener = listener
        self._target = target
        self._running: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Accepted(self._target, self._running), sock=self._listener, backlog=512
        )

    def close(self) -> None:
        """Accept no more. Connections that are open live on."""
        if self._server is not None:
            self._server.close()
