"""One client connection: requests answered in order, whatever kind their answers are."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from math import inf
from typing import cast

from grappe.api.errors import ApiError, internal
from grappe.apiserver.http.chunked import ChunkedWriter
from grappe.apiserver.http.heads import CONTINUE, head, status_response
from grappe.apiserver.http.limits import Limits
from grappe.apiserver.http.messages import Answer, Handler, Response, Stream, Tunnel
from grappe.apiserver.http.peer import certificate_of
from grappe.apiserver.http.reader import Incoming, RequestReader
from grappe.apiserver.http.relay import Relay
from grappe.apiserver.http.slices import slices

log = logging.getLogger("grappe.http")


class Connections(set["Connection"]):
    """The open connections of a server; `none_left` is set whenever there are none."""

    def __init__(self) -> None:
        super().__init__()
        self.none_left = asyncio.Event()
        self.none_left.set()

    def opened(self, connection: Connection) -> None:
        self.add(connection)
        self.none_left.clear()

    def lost(self, connection: Connection) -> None:
        self.discard(connection)
        if not self:
            self.none_left.set()


class Connection(asyncio.Protocol):
    """Answers one client. `deadline` (loop time) is looked at by the server now and then."""

    __slots__ = (
        "_closing",
        "_current",
        "_discarding",
        "_handler",
        "_limits",
        "_loop",
        "_open",
        "_paused",
        "_reader",
        "_reading_paused",
        "_relay",
        "_rest",
        "_stop_stream",
        "_task",
        "_transport",
        "_writer",
        "deadline",
    )

    def __init__(self, handler: Handler, limits: Limits, opened: Connections) -> None:
        self._handler = handler
        self._limits = limits
        self._open = opened
        self._loop = asyncio.get_running_loop()
        self._reader: RequestReader
        self._current: Incoming | None = None  # the request being answered
        self._rest: Iterator[bytes | memoryview] | None = None  # what is left of a long body
        self._writer: ChunkedWriter | None = None
        self._stop_stream: Callable[[], None] | None = None
        self._relay: Relay | None = None
        self._task: asyncio.Task[None] | None = None
        self._paused = False
        self._reading_paused = False
        self._closing = False
        self._discarding = False
        self.deadline = inf

    # -- the transport's side --------------------------------------------------------------------
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast, not an assertion: uvloop's transports do not say that they are Transports.
        self._transport = transport = cast(asyncio.Transport, transport)
        transport.set_write_buffer_limits(high=2 * self._limits.slice_bytes)
        peer = transport.get_extra_info("peername")
        self._reader = RequestReader(
            self._limits,
            certificate_of(transport.get_extra_info("ssl_object")),
            str(peer[0]) if peer else "",
        )
        self._open.opened(self)
        self.deadline = self._loop.time() + self._limits.head_seconds

    def connection_lost(self, error: Exception | None) -> None:
        self._open.lost(self)
        self._closing = True
        self._rest = None
        self._current = None
        if self._writer is not None:
            self._writer.open = False
            self._end_stream()
        if self._relay is not None:
            self._relay.client_lost()

    def data_received(self, data: bytes) -> None:
        if self._relay is not None:
            self._relay.from_client(data)
            return
        if self._discarding or self._closing:
            return
        reader = self._reader
        partial = reader.in_head or reader.in_body
        reader.feed(data)
        if not partial and self._current is None and (reader.in_head or reader.in_body):
            self._await_client()
        if reader.full:
            self._reading_paused = True
            self._transport.pause_reading()
        self._next_if_free()

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        self._paused = True
        if self._relay is not None:
            self._relay.pause()
        elif self._writer is None:
            self.deadline = self._loop.time() + self._limits.stalled_seconds

    def resume_writing(self) -> None:
        self._paused = False
        if self._relay is not None:
            self._relay.resume()
            return
        self.deadline = inf
        if self._rest is not None:
            self._write_slices()
        elif self._current is None and not self._closing:
            self._await_client()
            self._next()

    # -- one request after the other ---------------------------------------------------------------
    def _next(self) -> None:
        """Answer waiting requests until one takes its time or the client must read first."""
        reader = self._reader
        requests = reader.requests
        while requests and not self._paused and not self._closing:
            self._current = requests.pop(0)
            if self._reading_paused and not reader.full:
                self._reading_paused = False
                self._transport.resume_reading()
            self.deadline = inf
            try:
                answer = self._handler(self._current.request)
                if isinstance(answer, (Response, Stream, Tunnel)):
                    self._answer(answer)
                else:
                    self._task = self._loop.create_task(self._wait(answer))
            except Exception as error:
                self._answer(self._failure(error))
            if self._current is not None:
                return
        if self._closing or self._paused:
            return
        if reader.refusal is not None:
            self._refuse(reader.refusal)
        elif reader.expects_continue:
            reader.expects_continue = False
            self._transport.write(CONTINUE)

    async def _wait(self, answer: Awaitable[Answer]) -> None:
        found: Answer
        try:
            found = await answer
        except Exception as error:
            found = self._failure(error)
        self._task = None
        if self._current is None:
            return  # the client is gone
        try:
            self._answer(found)
        except Exception as error:
            self._answer(self._failure(error))
        self._next_if_free()

    def _next_if_free(self) -> None:
        if self._current is None:
            self._next()

    def _failure(self, error: Exception) -> Response:
        """What a client is told of an error: an ApiError's Status, nothing of any other."""
        if isinstance(error, ApiError):
            return status_response(error)
        request = self._current.request if self._current else None
        log.error(
            "%s %s failed",
            request.method if request else "",
            request.path if request else "",
            exc_info=error,
        )
        return status_response(internal("the request failed; the server's log says why"))

    def _answer(self, answer: Answer) -> None:
        if isinstance(answer, Response):
            self._respond(answer)
        elif isinstance(answer, Stream):
            self._stream(answer)
        else:
            self._tunnel(answer)

    def _finished(self) -> None:
        """The current request has its whole answer."""
        current, self._current = self._current, None
        if current is None or self._closing or not current.keep_alive or self._reader.upgraded:
            self._close()
            return
        if not self._paused:
            self._await_client()

    def _await_client(self) -> None:
        """It is the client's turn: it has so long."""
        reader = self._reader
        limits = self._limits
        if reader.in_head:
            allowed = limits.head_seconds
        elif reader.in_body:
            allowed = limits.body_seconds
        else:
            allowed = limits.idle_seconds
        self.deadline = self._loop.time() + allowed

    def _close(self) -> None:
        self._closing = True
        self._transport.close()

    # -- whole answers -----------------------------------------------------------------------------
    def _respond(self, answer: Response) -> None:
        current = self._current
        assert current is not None
        body = answer.body
        size = len(body) if isinstance(body, bytes) else sum(map(len, body))
        close = not current.keep_alive or self._closing or self._reader.upgraded
        start = head(
            answer.status,
            answer.content_type,
            answer.headers,
            f"{current.request.head}Content-Length: {size}\r\n",
            close=close,
        )
        if current.request.method == "HEAD":
            self._transport.write(start)
        elif size <= self._limits.slice_bytes:
            self._transport.write(
                start + body if isinstance(body, bytes) else b"".join((start, *body))
            )
        else:
            self._rest = slices(start, body, self._limits.slice_bytes)
            self._write_slices()
            return
        self._finished()

    def _write_slices(self) -> None:
        """Write one slice; the next when the loop comes round and the client keeps up."""
        if self._rest is None:
            return
        piece = next(self._rest, None)
        if piece is None:
            self._rest = None
            self._finished()
            self._next_if_free()
            return
        self._transport.write(piece)
        if not self._paused:
            self._loop.call_soon(self._continue_slices)

    def _continue_slices(self) -> None:
        if not self._paused:
            self._write_slices()

    # -- streams -----------------------------------------------------------------------------------
    def _stream(self, answer: Stream) -> None:
        current = self._current
        assert current is not None
        close = not current.keep_alive or not current.chunked or self._reader.upgraded
        more = current.request.head + ("Transfer-Encoding: chunked\r\n" if current.chunked else "")
        start = head(answer.status, answer.content_type, answer.headers, more, close=close)
        if current.request.method == "HEAD":
            self._transport.write(start)
            self._finished()
            return
        writer = ChunkedWriter(
            self._transport,
            start,
            chunked=current.chunked,
            backlog=self._limits.stream_backlog,
            ended=self._stream_ended,
        )
        self._writer = writer
        try:
            stop = answer.start(writer)
        except Exception:
            self._writer = None
            if not writer.started:
                raise
            log.exception("%s %s failed", current.request.method, current.request.path)
            self._transport.abort()
            return
        if self._writer is writer:
            self._stop_stream = stop
            writer.start()
        else:
            stop()

    def _stream_ended(self, clean: bool) -> None:
        if not clean:
            request = self._current.request if self._current else None
            log.info("%s read too slowly; its watch is cut", request.remote if request else "")
            self._end_stream()
            self._transport.abort()
            return
        if self._current is not None and not self._current.chunked:
            self._closing = True
        self._end_stream()
        self._finished()
        if self._reader.requests:
            self._loop.call_soon(self._next_if_free)

    def _end_stream(self) -> None:
        self._writer = None
        stop, self._stop_stream = self._stop_stream, None
        if stop is not None:
            stop()

    # -- tunnels -----------------------------------------------------------------------------------
    def _tunnel(self, answer: Tunnel) -> None:
        self._task = task = self._loop.create_task(self._run_tunnel(answer))
        task.add_done_callback(lambda _task: answer.ended())

    async def _run_tunnel(self, answer: Tunnel) -> None:
        try:
            reader, writer, first = await answer.connect()
        except Exception as error:
            if self._current is not None:
                self._respond(self._failure(error))
                self._next_if_free()
            return
        if self._closing:
            writer.close()
            self._transport.close()
            return
        early, self._reader.leftover = self._reader.leftover, b""
        self._relay = Relay(self._transport, early)
        if self._reading_paused:
            self._transport.resume_reading()
        await self._relay.run(reader, writer, first)

    # -- endings -----------------------------------------------------------------------------------
    def _refuse(self, error: ApiError) -> None:
        """Say what is wrong, then let the client finish sending so that it reads it."""
        answer = status_response(error)
        assert isinstance(answer.body, bytes)
        framing = f"Content-Length: {len(answer.body)}\r\n"
        start = head(answer.status, answer.content_type, answer.headers, framing, close=True)
        self._transport.write(start + answer.body)
        self._discarding = True
        self._closing = True
        self.deadline = inf
        self._loop.call_later(self._limits.linger_seconds, self._transport.close)

    def expire(self, now: float) -> None:
        """End what has taken too long."""
        if now < self.deadline:
            return
        self.deadline = inf
        if self._paused:
            self._transport.abort()
        elif self._reader.in_head or self._reader.in_body:
            self._refuse(ApiError(408, "Timeout", "the request took too long to arrive"))
        else:
            self._close()

    def shut_down(self) -> None:
        """End streams and tunnels, finish what is being answered, close."""
        if self._closing:
            return
        if self._writer is not None:
            self._closing = True
            self._writer.close()
        elif self._relay is not None or self._current is None:
            self._close()
        else:
            self._closing = True

    def abort(self) -> None:
        """Drop the connection now."""
        self._transport.abort()
