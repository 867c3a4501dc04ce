"""One HTTP/1.1 connection on asyncio and httptools: one exchange at a time, kept alive between.

A whole HTTP library costs each process 14 MiB and 0.2 s of start-up (docs/dependencies.md); talking
to an API server needs only this: requests with a body known in advance, answers with a length, in
chunks, or until the connection ends (RFC 9112 §6).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple, cast

import httptools

from grappe.client.interface import TransportError

_HIGH_WATER = 1 << 20
"""Bytes of an answer held unread before the peer is made to wait."""


class Head(NamedTuple):
    """Status and headers (lower-case names) of an answer."""

    status: int
    headers: Mapping[str, str]


class Connection(asyncio.Protocol):
    """Made by `open_connection`. After an error or a cancelled exchange: `close` it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._headers: dict[str, str] = {}
        self._head: Head | None = None
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._paused = False
        self._complete = True
        self._keep_alive = True
        self._error: TransportError | None = None
        self._waiter: asyncio.Future[None] | None = None

    # -- what a user of the connection calls ---------------------------------------------
    @property
    def reusable(self) -> bool:
        """Whether another exchange may begin."""
        return (
            self._complete
            and self._keep_alive
            and self._error is None
            and self._transport is not None
            and not self._transport.is_closing()
        )

    async def send(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b""
    ) -> Head:
        """Begin an exchange and wait for the answer's head; then `read` its body to the end."""
        if self._transport is None or self._error is not None:
            raise self._error or TransportError("the connection is closed")
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._head = {}, None
        self._chunks.clear()
        self._held, self._complete = 0, False
        lines = [f"{method} {target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body or method in ("POST", "PUT", "PATCH"):
            lines.append(f"content-length: {len(body)}")
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a line break in a request header")
        self._transport.write("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        while self._head is None:
            await self._wait()
        return self._head

    async def read(self) -> bytes:
        """The next piece of the body; empty at its end."""
        while not self._chunks:
            if self._complete:
                return b""
            await self._wait()
        piece = self._chunks.popleft()
        self._held -= len(piece)
        if self._paused and self._held < _HIGH_WATER // 2 and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        return piece

    async def read_all(self) -> bytes:
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # -- what asyncio calls --------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is none
        peer = transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            # A watch may be silent for minutes: have the kernel notice a peer that is gone.
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self._complete:
            self._fail("bytes outside an exchange")
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(f"not an HTTP answer: {error}")
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        ends_body = self._head is not None and not (
            "content-length" in self._headers or "transfer-encoding" in self._headers
        )
        if not self._complete and ends_body and exc is None:
            self._complete = True
        elif self._error is None:
            self._error = TransportError(f"the connection was closed{f': {exc}' if exc else ''}")
        self._keep_alive = False
        self._transport = None
        self._wake()

    # -- what the parser calls -----------------------------------------------------------
    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        self._head = Head(self._parser.get_status_code(), self._headers)

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)
        self._held += len(body)
        if self._held > _HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        assert self._parser is not None
        self._complete = True
        self._keep_alive = self._parser.should_keep_alive()

    # -- within --------------------------------------------------------------------------
    def _fail(self, why: str) -> None:
        self._error = self._error or TransportError(why)
        self.close()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self) -> None:
        """Until something arrives or the connection ends; raises what ended it."""
        if self._error is not None:
            raise self._error
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None
        if self._error is not None and not self._chunks and self._head is None:
            raise self._error


async def open_connection(
    host: str, port: int, tls: ssl.SSLContext | None, *, server_name: str = ""
) -> Connection:
    """Connect; TransportError says which address and why it failed."""
    loop = asyncio.get_running_loop()
    where = f"{host}:{port}"
    try:
        _, connection = await loop.create_connection(
            Connection,
            host,
            port,
            ssl=tls,
            server_hostname=(server_name or host) if tls is not None else None,
        )
    except ssl.SSLCertVerificationError as error:
        why = f"the certificate of {where} is not trusted: {error.verify_message}"
        raise TransportError(why) from error
    except (OSError, ssl.SSLError) as error:
        raise TransportError(f"cannot connect to {where}: {error.strerror or error}") from error
    return connection
