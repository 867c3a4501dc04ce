"""SPDY/3.1: frames survive any cutting, streams carry both ways."""

from __future__ import annotations

import asyncio
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.node.streams import spdy_frames as wire
from grappe.node.streams.spdy import SpdyConnection
from grappe.node.streams.spdy_frames import FrameParser, HeaderCodec, SpdyError


def test_the_dictionary_is_the_specifications() -> None:
    assert len(wire.DICTIONARY) == 1423
    assert zlib.adler32(wire.DICTIONARY) == 0xE3C6A7C2


HEADERS = st.dictionaries(
    st.text(alphabet="abcdefghijklmnop-", min_size=1, max_size=12), st.text(max_size=20), max_size=5
)


@given(st.lists(HEADERS, max_size=5))
def test_header_blocks_decode_to_what_was_encoded(blocks: list[dict[str, str]]) -> None:
    ours, theirs = HeaderCodec(), HeaderCodec()
    for headers in blocks:
        assert theirs.decode(ours.encode(headers)) == headers


@given(st.lists(st.tuples(st.integers(1, 99), st.binary(max_size=50))), st.integers(1, 17))
def test_frames_come_out_whole_however_the_bytes_are_cut(
    sent: list[tuple[int, bytes]], step: int
) -> None:
    data = b"".join(wire.data(stream, payload) for stream, payload in sent)
    parser = FrameParser(HeaderCodec())
    found = [f for i in range(0, len(data), step) for f in parser.feed(data[i : i + step])]
    assert [(f.stream_id, f.payload) for f in found] == sent


@given(st.binary(max_size=200))
def test_garbage_is_refused_or_waited_on_but_never_crashes(garbage: bytes) -> None:
    try:
        FrameParser(HeaderCodec()).feed(garbage)
    except SpdyError:
        pass


class Pipe:
    """One direction."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()

    async def receive(self) -> bytes:
        return await self._queue.get()

    async def transmit(self, data: bytes) -> None:
        self._queue.put_nowait(data)


@pytest.fixture
async def ends():
    there, back = Pipe(), Pipe()
    client = SpdyConnection(back.receive, there.transmit, server=False)
    server = SpdyConnection(there.receive, back.transmit, server=True)
    running = [asyncio.create_task(end.run()) for end in (client, server)]
    yield client, server
    await there.transmit(b"")
    await back.transmit(b"")
    await asyncio.gather(*running)


async def test_a_stream_carries_both_ways_and_each_side_ends_by_itself(ends) -> None:
    client, server = ends
    opened = await client.open({"streamtype": "data"})
    accepted = await server.accept()
    assert accepted.headers == {"streamtype": "data"}
    await opened.write(b"x" * 200_000)
    await opened.finish()
    assert await accepted.read_all() == b"x" * 200_000
    await accepted.write(b"answer")
    await accepted.finish()
    assert await opened.read_all() == b"answer"


async def test_a_reset_ends_the_peers_stream(ends) -> None:
    client, server = ends
    opened = await client.open({})
    accepted = await server.accept()
    await server.send(wire.rst_stream(accepted.id, 5))
    assert await opened.read() == b""
    with pytest.raises(ConnectionError):
        await opened.write(b"x")


async def test_streams_end_with_the_connection() -> None:
    pipe = Pipe()
    connection = SpdyConnection(pipe.receive, Pipe().transmit, server=False)
    running = asyncio.create_task(connection.run())
    opened = await connection.open({})
    await pipe.transmit(b"")
    await running
    assert await opened.read() == b""
    assert await connection.accept() is None
