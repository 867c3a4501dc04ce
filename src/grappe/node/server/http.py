"""The thinnest HTTP/1.1 a kubelet needs: one request for each connection, answers whole, streamed
or upgraded. Its only client is the API server, which opens a connection for each request.

A whole HTTP framework would cost the agent 14 MiB (docs/dependencies.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

import orjson

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.node.streams.spdy import SpdyConnection
from grappe.node.streams.websocket import WebSocket, accept_key

log = logging.getLogger("grappe.node.server")

_HEAD_LIMIT = 64 * 1024
_HEAD_SECONDS = 30.0
_BLOCK = 1 << 16
_STREAM_PROTOCOL = "X-Stream-Protocol-Version"
_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    500: "Internal Server Error",
}
_STATUS_REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
}


@dataclass(slots=True)
class Request:
    """`query` keeps repeated parameters (`command`) in order; header names are lower-case.
    `client` is the common name in the verified client certificate."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    client: str
    reader: asyncio.StreamReader = field(repr=False)
    writer: asyncio.StreamWriter = field(repr=False)

    def first(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.query if key == name), default)

    def every(self, name: str) -> list[str]:
        return [value for key, value in self.query if key == name]

    def flag(self, name: str) -> bool:
        return self.first(name).lower() in ("1", "true")

    @property
    def wants_websocket(self) -> bool:
        return self.headers.get("upgrade", "").lower() == "websocket"

    async def accept(self, protocols: tuple[str, ...]) -> tuple[WebSocket, str]:
        """Upgrade to a WebSocket with the first of the client's subprotocols that is ours; Refused
        when there is none."""
        offered = [p.strip() for p in self.headers.get("sec-websocket-protocol", "").split(",")]
        chosen = next((p for p in protocols if p in offered), None)
        key = self.headers.get("sec-websocket-key")
        if chosen is None or key is None:
            raise Refused(400, f"unable to upgrade: none of {offered} is spoken here: {protocols}")
        self.writer.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept_key(key)}\r\n"
            f"Sec-WebSocket-Protocol: {chosen}\r\n\r\n".encode()
        )
        await self.writer.drain()
        return WebSocket(self.reader, self.writer), chosen

    @property
    def wants_spdy(self) -> bool:
        return self.headers.get("upgrade", "").lower() == "spdy/3.1"

    async def accept_spdy(self, protocols: tuple[str, ...]) -> tuple[SpdyConnection, str]:
        """Upgrade to SPDY with the first protocol of the client's that is ours; Refused as
        Kubernetes does when there is none."""
        given = self.headers.get(_STREAM_PROTOCOL.lower())
        if given is None:
            raise Refused(400, f"unable to upgrade: {_STREAM_PROTOCOL} is required")
        offered = [p.strip() for p in given.split(",")]
        chosen = next((p for p in offered if p in protocols), None)
        if chosen is None:
            raise Refused(
                403,
                "unable to upgrade: unable to negotiate protocol: client supports "
                f"[{' '.join(offered)}], server accepts [{' '.join(protocols)}]",
            )
        await self._transmit(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n"
            f"{_STREAM_PROTOCOL}: {chosen}\r\n\r\n".encode()
        )
        return SpdyConnection(self._receive, self._transmit, server=True), chosen

    async def _receive(self) -> bytes:
        return await self.reader.read(_BLOCK)

    async def _transmit(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(
        self, status: int, body: bytes, content_type: str = "text/plain; charset=utf-8"
    ) -> None:
        self.writer.write(
            f"HTTP/1.1 {status} {_REASONS.get(status, 'Error')}\r\n"
            f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
            "Connection: close\r\n\r\n".encode()
            + body
        )
        await self.writer.drain()

    async def stream(self, pieces: AsyncIterator[bytes]) -> None:
        """A plain-text answer in chunks, each sent at once; ends early when the peer goes."""
        self.writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
            b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        )
        await self.writer.drain()
        gone = asyncio.create_task(self.reader.read(1))
        try:
            feeding = asyncio.create_task(self._feed(pieces))
            await asyncio.wait({gone, feeding}, return_when=asyncio.FIRST_COMPLETED)
            feeding.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await feeding
        finally:
            gone.cancel()

    async def _feed(self, pieces: AsyncIterator[bytes]) -> None:
        async for piece in pieces:
            if piece:
                self.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
                await self.writer.drain()
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()


class Refused(Exception):
    """An answer other than success; a `Status`, as the API server passes it on untouched."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def as_status(self) -> Object:
        reason = _STATUS_REASONS.get(self.status, "InternalError")
        return ApiError(self.status, reason, self.message).status()


Handler = Callable[[Request], Awaitable[None]]


class Server:
    """Listens with TLS and client certificates, and hands each request to one handler."""

    def __init__(self, handler: Handler, allowed: frozenset[str]) -> None:
        """`allowed`: common names that may ask for more than /healthz."""
        self._handler = handler
        self._allowed = allowed
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self, address: str, port: int, tls: ssl.SSLContext | None) -> int:
        """The port it listens on. OSError when it is taken."""
        self._server = await asyncio.start_server(
            self._on_connection, address, port, ssl=tls, limit=1 << 18
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _on_connection(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            pass
        except Exception:
            log.exception("a request failed")
        finally:
            writer.close()
            with contextlib.suppress(Exception, asyncio.CancelledError):
                await writer.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async with asyncio.timeout(_HEAD_SECONDS):
            head = await reader.readuntil(b"\r\n\r\n")
        request = _parse(head, reader, writer)
        try:
            if request is None:
                writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
                await writer.drain()
                return
            if request.path != "/healthz" and request.client not in self._allowed:
                raise Refused(403 if request.client else 401, "Unauthorized")
            await self._handler(request)
        except Refused as refused:
            if request is not None:
                body = orjson.dumps(refused.as_status())
                await request.answer(refused.status, body, "application/json")


def _parse(
    head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> Request | None:
    lines = head.decode("latin-1").split("\r\n")
    words = lines[0].split(" ")
    if len(words) != 3 or len(head) > _HEAD_LIMIT:
        return None
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    path, _, query = words[1].partition("?")
    return Request(
        words[0],
        path,
        [(key, value) for key, value in parse_qsl(query, keep_blank_values=True)],
        headers,
        _common_name(writer),
        reader,
        writer,
    )


def _common_name(writer: asyncio.StreamWriter) -> str:
    certificate = writer.get_extra_info("peercert") or {}
    for part in certificate.get("subject", ()):
        for key, value in part:
            if key == "commonName":
                return str(value)
    return ""


def path_parts(path: str) -> list[str]:
    """The decoded segments of a path."""
    return [unquote(part) for part in path.split("/") if part]
