"""Listening: sockets, TLS, and the connections that are open."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Sequence

from grappe.apiserver.http.connection import Connection, Connections
from grappe.apiserver.http.limits import Limits
from grappe.apiserver.http.messages import Handler
from grappe.base.errors import UserError

_BACKLOG = 1024
_SWEEP_SECONDS = 5.0
_GRACE_SECONDS = 5.0
_PORT_ATTEMPTS = 10
_IP_FREEBIND = 15  # linux/in.h; the socket module does not name it


class HttpServer:
    """A running server. Made by `serve`."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._servers: list[asyncio.Server] = []
        self._connections = Connections()
        self._sweeper: asyncio.TimerHandle | None = None
        self.ports: tuple[int, ...] = ()

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def _listen(
        self, handler: Handler, sockets: Sequence[socket.socket], tls: ssl.SSLContext | None
    ) -> None:
        loop = asyncio.get_running_loop()
        for listener in sockets:
            self._servers.append(
                await loop.create_server(
                    lambda: Connection(handler, self._limits, self._connections),
                    sock=listener,
                    backlog=_BACKLOG,
                    ssl=tls,
                    ssl_handshake_timeout=self._limits.handshake_seconds if tls else None,
                )
            )
        self.ports = tuple(listener.getsockname()[1] for listener in sockets)
        self._sweep()

    def _sweep(self) -> None:
        """Look for connections that have taken too long."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for connection in list(self._connections):
            connection.expire(now)
        self._sweeper = loop.call_later(_SWEEP_SECONDS, self._sweep)

    async def close(self, grace: float = _GRACE_SECONDS) -> None:
        """Stop listening, end streams and tunnels, let answers under way finish for up to
        `grace` seconds, then drop what is left."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for server in self._servers:
            server.close()
        for connection in list(self._connections):
            connection.shut_down()
        try:
            async with asyncio.timeout(grace):
                await self._connections.none_left.wait()
        except TimeoutError:
            for connection in list(self._connections):
                connection.abort()
            await self._connections.none_left.wait()


async def serve(
    handler: Handler,
    *,
    addresses: Sequence[tuple[str, int]],
    tls: ssl.SSLContext | None,
    freebind: bool = False,
    limits: Limits | None = None,
) -> HttpServer:
    """Listen on every (host, port); `ports` tells them in the same order. Port 0 picks a free one,
    the same for every address that asks for 0.

    With `freebind` an address may be listened on before an interface has it. UserError names the
    address that cannot be had.
    """
    server = HttpServer(limits or Limits())
    sockets = _bind_all(addresses, freebind)
    try:
        await server._listen(handler, sockets, tls)
    except BaseException:
        for listener in sockets:
            listener.close()
        raise
    return server


def _bind_all(addresses: Sequence[tuple[str, int]], freebind: bool) -> list[socket.socket]:
    """A socket for each address; all or none."""
    for attempt in range(_PORT_ATTEMPTS):
        sockets: list[socket.socket] = []
        picked = 0
        try:
            for host, port in addresses:
                sockets.append(_bind(host, port or picked, freebind))
                picked = picked or (0 if port else sockets[-1].getsockname()[1])
        except UserError:
            for listener in sockets:
                listener.close()
            if not picked or attempt == _PORT_ATTEMPTS - 1:
                raise
            continue
        return sockets
    raise AssertionError("unreachable")


def _bind(host: str, port: int, freebind: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit these: a client that vanished is noticed within minutes.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
        if freebind:
            listener.setsockopt(socket.SOL_IP, _IP_FREEBIND, 1)
        listener.setblocking(False)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise UserError(
            f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}",
            "choose another port with --port, or stop what listens there",
        ) from error
    return listener
