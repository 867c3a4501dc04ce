"""The in-process transport against small handlers of the test's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from grappe.api.errors import ApiError, not_found
from grappe.apiserver.http.messages import (
    Answer,
    Request,
    Response,
    Stream,
    StreamWriter,
    Tunnel,
    User,
)
from grappe.assembly.inprocess import InProcessTransport
from grappe.client.interface import TransportError

JOE = User("joe", ("people",))


class Producer:
    """A stream that writes what the test tells it to."""

    def __init__(self, *chunks: bytes) -> None:
        self._chunks = chunks
        self.writer: StreamWriter | None = None
        self.stopped = 0

    def start(self, writer: StreamWriter) -> Callable[[], None]:
        self.writer = writer
        for chunk in self._chunks:
            writer.write(chunk)
        return self._stop

    def _stop(self) -> None:
        self.stopped += 1

    def answer(self, request: Request) -> Answer:
        return Stream(self.start)


def _transport(handler: Callable[[Request], Answer | Awaitable[Answer]]) -> InProcessTransport:
    return InProcessTransport(handler, JOE)


async def test_a_request_is_made_as_its_user_with_lower_case_headers() -> None:
    seen: list[Request] = []

    async def handler(request: Request) -> Answer:
        seen.append(request)
        return Response(201, [b"a", b"b"], headers=[("X", "y")])

    transport = _transport(handler)
    answer = await transport.request("POST", "/x", {"a": "b c"}, {"Content-Type": "t"}, b"body")
    assert (answer.status, dict(answer.headers), answer.body) == (201, {"X": "y"}, b"ab")
    (request,) = seen
    assert (request.user, request.query, request.headers, request.body) == (
        JOE,
        "a=b+c",
        {"content-type": "t"},
        b"body",
    )


async def test_a_stream_is_cut_into_lines_whatever_the_chunks() -> None:
    producer = Producer(b"one\ntw", b"o\n", b"three\nfour\nfi")
    found = []
    lines = _transport(producer.answer).stream("/x", {}, {})
    async for line in lines:
        found.append(line)
        if line == b"four":
            assert producer.writer is not None
            assert producer.writer.write(b"ve\n")
            producer.writer.close()
    assert found == [b"one", b"two", b"three", b"four", b"five"]
    assert producer.stopped == 1


async def test_a_reader_that_leaves_stops_the_producer() -> None:
    producer = Producer(b"one\n")
    lines = _transport(producer.answer).stream("/x", {}, {})
    assert await anext(lines) == b"one"
    await lines.aclose()  # type: ignore[attr-defined]
    assert producer.stopped == 1
    assert producer.writer is not None
    assert producer.writer.write(b"more\n") is False


async def test_a_reader_that_lags_too_far_is_cut_off() -> None:
    producer = Producer()
    lines = _transport(producer.answer).stream("/x", {}, {})
    reading = asyncio.ensure_future(anext(lines))
    while producer.writer is None:
        await asyncio.sleep(0)
    chunk = b"x" * (16 * 1024 * 1024) + b"\n"
    accepted = 0
    while producer.writer.write(chunk):
        accepted += 1
    assert 1 <= accepted <= 4
    assert await reading == chunk[:-1]
    await lines.aclose()  # type: ignore[attr-defined]
    assert producer.stopped == 1


async def test_a_stream_that_is_refused_raises_what_the_server_said() -> None:
    def handler(request: Request) -> Answer:
        error = not_found("pods", "a")
        return Response(
            404,
            b'{"kind":"Status","code":404,"message":"%s"}'
            % error.message.encode().replace(b'"', b'\\"'),
        )

    with pytest.raises(ApiError) as caught:
        await anext(_transport(handler).stream("/x", {}, {}))
    assert (caught.value.code, caught.value.message) == (404, 'pods "a" not found')


async def test_closing_ends_streams_and_refuses_requests() -> None:
    producer = Producer(b"one\n")
    transport = _transport(producer.answer)
    lines = transport.stream("/x", {}, {})
    assert await anext(lines) == b"one"
    await transport.close()
    assert await anext(lines, None) is None
    assert producer.stopped == 1
    with pytest.raises(TransportError):
        await transport.request("GET", "/x", {}, {}, b"")


async def test_what_needs_a_connection_of_its_own_is_refused() -> None:
    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
        raise AssertionError("never dialled")

    transport = _transport(lambda request: Tunnel(connect))
    with pytest.raises(TransportError):
        await transport.request("GET", "/x", {}, {}, b"")
    with pytest.raises(TransportError):
        await anext(transport.stream("/x", {}, {}))
