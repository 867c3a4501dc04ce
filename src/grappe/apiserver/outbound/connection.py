"""One HTTP/1.1 connection to another server (RFC 9112): one exchange at a time."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple, cast

import httptools

_HIGH_WATER = 1 << 20
"""Bytes of an answer held unread before the peer is made to wait."""
_HEAD_BYTES = 64 * 1024
"""The longest head of an answer that is read."""


class CallError(Exception):
    """The other side could not be asked, or did not answer as HTTP; the text says why, in the
    words Go uses. `unsent`: a kept connection had ended before anything was answered, so that the
    request may be sent again."""

    def __init__(self, why: str, *, unsent: bool = False) -> None:
        super().__init__(why)
        self.unsent = unsent


class Head(NamedTuple):
    """Status and headers (lower-case names, in order) of an answer."""

    status: int
    headers: Sequence[tuple[str, str]]

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")


class Connection(asyncio.Protocol):
    """Made by `open_connection`. After an error or a cancelled exchange: `close` it."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._parser: httptools.HttpResponseParser | None = None
        self._headers: list[tuple[str, str]] = []
        self._head_size = 0
        self._head: Head | None = None
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._paused = False
        self._complete = True
        self._keep_alive = True
        self._used = False
        self._error: CallError | None = None
        self._waiter: asyncio.Future[None] | None = None

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

    async def send(self, request: bytes) -> Head:
        """Send a whole request and wait for the answer's head; then `read` its body to the end."""
        again, self._used = self._used, True
        if self._transport is None or self._error is not None:
            raise self._error or CallError("EOF", unsent=again)
        self._parser = httptools.HttpResponseParser(self)
        self._headers, self._head, self._head_size = [], None, 0
        self._chunks.clear()
        self._held, self._complete = 0, False
        self._transport.write(request)
        try:
            while self._head is None:
                await self._wait()
        except CallError as error:
            error.unsent = again and not self._head_size
            raise
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

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # -- what asyncio calls --------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class is none
        peer = transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)

    def data_received(self, data: bytes) -> None:
        if self._parser is None or self._complete:
            self._fail("unsolicited response received on idle HTTP channel")
            return
        if self._head is None:
            self._head_size += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail("the connection was switched to another protocol")
        except httptools.HttpParserError as error:
            self._fail(f"malformed HTTP response: {error}")
        if self._head is None and self._head_size > _HEAD_BYTES:
            self._fail("server response headers exceeded 65536 bytes; aborted")
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._complete and self._head is not None and self._ends_with_connection():
            self._complete = exc is None
        if not self._complete and self._error is None:
            self._error = CallError("EOF" if self._head is None else "unexpected EOF")
        self._keep_alive = False
        self._transport = None
        self._wake()

    def _ends_with_connection(self) -> bool:
        return not any(name in ("content-length", "transfer-encoding") for name, _ in self._headers)

    # -- what the parser calls -----------------------------------------------------------------
    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.decode("latin-1").lower(), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        assert self._parser is not None
        status = self._parser.get_status_code()
        if status >= 200:  # an interim answer is followed by the real one
            self._head = Head(status, self._headers)

    def on_body(self, body: bytes) -> None:
        self._chunks.append(body)
        self._held += len(body)
        if self._held > _HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        assert self._parser is not None
        if self._head is None:
            self._headers = []
            return
        self._complete = True
        self._keep_alive = bool(self._parser.should_keep_alive())

    # -- within --------------------------------------------------------------------------------
    def _fail(self, why: str) -> None:
        self._error = self._error or CallError(why)
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
        if self._error is not None and not self._chunks:
            raise self._error


async def open_connection(
    host: str, port: int, tls: ssl.SSLContext, server_name: str
) -> Connection:
    """Connect; CallError says why not."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    loop = asyncio.get_running_loop()
    try:
        _, connection = await loop.create_connection(
            Connection, host, port, ssl=tls, server_hostname=server_name
        )
    except ssl.SSLError as error:
        raise CallError(tls_trouble(error, server_name)) from error
    except ConnectionRefusedError:
        raise CallError(f"dial tcp {where}: connect: connection refused") from None
    except socket.gaierror:
        raise CallError(f"dial tcp: lookup {host}: no such host") from None
    except OSError as error:
        why = (error.strerror or str(error) or "connection reset by peer").lower()
        raise CallError(f"dial tcp {where}: connect: {why}") from error
    return connection


def tls_trouble(error: ssl.SSLError, server_name: str) -> str:
    """Why a TLS handshake failed, as Go says it."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return f"tls: {error.reason or error}"
    why = error.verify_message
    if "mismatch" in why or "not valid for" in why:
        why = f"certificate is not valid for {server_name}"
    elif "expired" in why:
        why = "certificate has expired or is not yet valid"
    else:
        why = f"certificate signed by unknown authority ({why})"
    return f"tls: failed to verify certificate: x509: {why}"
