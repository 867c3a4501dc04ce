"""Passes a request on to the extension API server that answers it.

A whole answer stays a whole answer where it ends soon and is not long; else it is passed on as it
comes. An upgrade becomes a tunnel.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from grappe.api.errors import ApiError
from grappe.apiserver.aggregation.identity import identity_headers
from grappe.apiserver.aggregation.services import ApiService
from grappe.apiserver.aggregation.target import Targets
from grappe.apiserver.http.messages import Answer, Request, Response, Stream, StreamWriter, User
from grappe.apiserver.outbound.caller import Caller, Target
from grappe.apiserver.outbound.connection import CallError, Connection, Head
from grappe.apiserver.outbound.tls import TrustError, tls_context
from grappe.apiserver.registry.routing import flag, parse_query
from grappe.apiserver.tunnel import forwarded_headers, tunnel

log = logging.getLogger("grappe.apiserver.aggregation")

_TEXT = "text/plain; charset=utf-8"
_WHOLE_BYTES = 4 * 1024 * 1024
_WHOLE_SECONDS = 1.0
"""An answer that is longer, or takes longer after its head, is passed on in pieces."""
_AHEAD = 1024 * 1024
_PACE = 0.005
_OURS = frozenset(
    (
        # of the connection, or said by our own answer
        "cache-control",
        "connection",
        "content-length",
        "content-type",
        "date",
        "keep-alive",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)


def unavailable() -> Response:
    """What Kubernetes answers for an API server that is not there."""
    return Response(503, b"service unavailable\n", _TEXT, [("X-Content-Type-Options", "nosniff")])


class Proxy:
    def __init__(self, targets: Targets, caller: Caller) -> None:
        self._targets = targets
        self._caller = caller

    def answer(
        self, service: ApiService, request: Request, user: User
    ) -> Answer | Awaitable[Answer]:
        """The extension server's answer; 503 when it is known to be unavailable."""
        if not service.available:
            return unavailable()
        try:
            target = self._targets.of(service)
        except ApiError as error:
            log.warning("%s: %s", service.name, error)
            return unavailable()
        identity = identity_headers(user)
        upgrade = request.headers.get("upgrade")
        if upgrade and "upgrade" in request.headers.get("connection", "").lower():
            return self._tunnel(target, request, identity)
        return self._pass_on(target, request, identity)

    def _tunnel(self, target: Target, request: Request, identity: list[tuple[str, str]]) -> Answer:
        try:
            tls = tls_context(target.trust)
        except TrustError as error:
            return _failed(str(error))
        return tunnel(
            tls,
            target.host,
            target.port,
            _path(request),
            request,
            authority=target.authority,
            server_name=target.server_name,
            more=identity,
        )

    async def _pass_on(
        self, target: Target, request: Request, identity: list[tuple[str, str]]
    ) -> Answer:
        headers = [*forwarded_headers(request), *identity]
        try:
            head, connection = await self._caller.begin(
                target, request.method, _path(request), headers, request.body
            )
        except CallError as error:
            log.warning("%s: %s", target.authority, error)
            return _failed(f"error trying to reach service: {error}")
        content_type, kept = _kept_headers(head)
        if request.method == "HEAD":
            connection.close()
            return Response(head.status, b"", content_type, kept)
        pieces: list[bytes] = []
        try:
            if not flag(parse_query(request.query), "watch") and await _collect(connection, pieces):
                self._caller.end(target, connection)
                return Response(head.status, b"".join(pieces), content_type, kept)
        except CallError as error:
            connection.close()
            return _failed(f"error trying to reach service: {error}")
        except BaseException:
            connection.close()
            raise

        def start(writer: StreamWriter) -> Callable[[], None]:
            task = asyncio.get_running_loop().create_task(
                self._pump(target, connection, pieces, writer), name="aggregated stream"
            )
            return lambda: _cancel(task)

        return Stream(start, content_type, kept, head.status)

    async def _pump(
        self, target: Target, connection: Connection, first: list[bytes], writer: StreamWriter
    ) -> None:
        try:
            open_ = all(writer.write(piece) for piece in first)
            while open_ and (piece := await connection.read()):
                open_ = writer.write(piece)
                while writer.backlog > _AHEAD:  # noqa: ASYNC110 - a writer tells nobody of it
                    await asyncio.sleep(_PACE)
        except CallError as error:
            log.info("%s: a stream broke: %s", target.authority, error)
        finally:
            self._caller.end(target, connection)
        writer.close()


async def _collect(connection: Connection, pieces: list[bytes]) -> bool:
    """Gather the body into `pieces`; whether that is all of it."""
    size = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_WHOLE_SECONDS):
            while piece := await connection.read():
                pieces.append(piece)
                size += len(piece)
                if size > _WHOLE_BYTES:
                    return False
            return True
    return False


def _cancel(task: asyncio.Task[None]) -> None:
    if not task.done():
        task.cancel()


def _path(request: Request) -> str:
    return f"{request.path}?{request.query}" if request.query else request.path


def _failed(why: str) -> Response:
    return Response(503, why.encode() + b"\n", _TEXT, [("X-Content-Type-Options", "nosniff")])


def _kept_headers(head: Head) -> tuple[str, list[tuple[str, str]]]:
    """The content type, and the headers that are passed on."""
    content_type = head.header("content-type") or "application/octet-stream"
    return content_type, [(n.title(), v) for n, v in head.headers if n not in _OURS]
