"""Asks other servers over HTTPS, on connections that are kept for the next question."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import NamedTuple

from grappe.apiserver.outbound.connection import CallError, Connection, Head, open_connection
from grappe.apiserver.outbound.tls import Trust, TrustError, tls_context

_KEPT = 16
"""Idle connections kept for each target."""
_DIAL_SECONDS = 30.0


class Target(NamedTuple):
    """Where a request goes. `server_name` is what the certificate must be valid for, `authority`
    the `Host` of the request."""

    host: str
    port: int
    server_name: str
    authority: str
    trust: Trust


class Answered(NamedTuple):
    head: Head
    body: bytes


class Caller:
    """`close` ends what is kept; exchanges under way end with those who asked."""

    def __init__(self) -> None:
        self._idle: dict[Target, list[Connection]] = {}

    async def post(
        self, target: Target, path: str, body: bytes, *, timeout: float, limit: int
    ) -> Answered:
        """POST JSON and read the whole answer, at most `limit` bytes, within `timeout` seconds;
        CallError otherwise."""
        headers = [("content-type", "application/json"), ("accept", "application/json, */*")]
        return await self.ask(target, "POST", path, headers, body, timeout=timeout, limit=limit)

    async def ask(
        self,
        target: Target,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        *,
        timeout: float,
        limit: int,
    ) -> Answered:
        """As `post`, with any method."""
        try:
            async with (
                asyncio.timeout(timeout),
                self.exchange(target, method, path, headers, body) as (head, connection),
            ):
                return Answered(head, await _whole(connection, limit))
        except TimeoutError:
            raise CallError("context deadline exceeded") from None

    @asynccontextmanager
    async def exchange(
        self,
        target: Target,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> AsyncIterator[tuple[Head, Connection]]:
        """One exchange: the answer's head, and the connection to `read` its body from. The
        connection is kept when the body was read to its end."""
        head, connection = await self.begin(target, method, path, headers, body)
        try:
            yield head, connection
        finally:
            self.end(target, connection)

    async def begin(
        self,
        target: Target,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> tuple[Head, Connection]:
        """As `exchange`, for whoever reads on later, and calls `end` then."""
        request = request_bytes(target, method, path, headers, body)
        while True:
            connection = self._kept(target) or await self._open(target)
            try:
                return await connection.send(request), connection
            except CallError as error:
                connection.close()
                if not error.unsent:
                    raise
            except BaseException:
                connection.close()
                raise

    def _kept(self, target: Target) -> Connection | None:
        kept = self._idle.get(target, [])
        while kept:
            connection = kept.pop()
            if connection.reusable:
                return connection
            connection.close()
        self._idle.pop(target, None)
        return None

    async def _open(self, target: Target) -> Connection:
        try:
            tls = tls_context(target.trust)
        except (TrustError, OSError) as error:
            raise CallError(str(error)) from error
        try:
            async with asyncio.timeout(_DIAL_SECONDS):
                return await open_connection(target.host, target.port, tls, target.server_name)
        except TimeoutError:
            raise CallError(f"dial tcp {target.host}:{target.port}: i/o timeout") from None

    def end(self, target: Target, connection: Connection) -> None:
        """The exchange is over: keep the connection if the answer was read to its end."""
        kept = self._idle.setdefault(target, [])
        if connection.reusable and len(kept) < _KEPT:
            kept.append(connection)
        else:
            connection.close()

    def close(self) -> None:
        for kept in self._idle.values():
            for connection in kept:
                connection.close()
        self._idle.clear()


async def _whole(connection: Connection, limit: int) -> bytes:
    pieces, size = [], 0
    while piece := await connection.read():
        size += len(piece)
        if size > limit:
            raise CallError(f"the response is longer than {limit} bytes")
        pieces.append(piece)
    return b"".join(pieces)


def request_bytes(
    target: Target,
    method: str,
    path: str,
    headers: Sequence[tuple[str, str]],
    body: bytes,
) -> bytes:
    """A whole request; CallError for what cannot stand in one."""
    lines = [f"{method} {path} HTTP/1.1", f"host: {target.authority}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"content-length: {len(body)}")
    if any("\r" in line or "\n" in line for line in lines) or " " in path:
        raise CallError("a line break or space in a request's path or header")
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + body
