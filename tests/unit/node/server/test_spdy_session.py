"""exec and attach over SPDY: what each protocol tells, and what becomes of a client that leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from grappe.api import Object
from grappe.node.runtime.interface import Channel, RuntimeFault, Session
from grappe.node.server import spdy_session
from grappe.node.streams.spdy import SpdyConnection, SpdyStream

FAILED = {"status": "Failure", "message": "command terminated with exit code 7", "code": 500}
ALL = frozenset({"error", "stdin", "stdout", "stderr", "resize"})


class Echo:
    """Says on stdout what it reads on stdin, then something on stderr."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []
        self.closed = False
        self._read: asyncio.Queue[bytes] = asyncio.Queue()

    async def output(self) -> AsyncIterator[tuple[Channel, bytes]]:
        while data := await self._read.get():
            yield "stdout", data
        yield "stderr", b"bye"

    async def write(self, data: bytes) -> None:
        self._read.put_nowait(data)

    async def close_input(self) -> None:
        self._read.put_nowait(b"")

    async def resize(self, width: int, height: int) -> None:
        self.sizes.append((width, height))

    async def status(self) -> Object:
        return FAILED

    async def close(self) -> None:
        self.closed = True


class Client:
    """The other end, and the server's task."""

    def __init__(self, protocol: str, session: Session | Exception) -> None:
        to_server: asyncio.Queue[bytes] = asyncio.Queue()
        to_client: asyncio.Queue[bytes] = asyncio.Queue()
        self._to_server = to_server
        ours = SpdyConnection(to_client.get, to_server.put, server=False)
        theirs = SpdyConnection(to_server.get, to_client.put, server=True)
        self.connection = ours
        self._running = asyncio.create_task(ours.run())

        async def begin() -> Session:
            if isinstance(session, Exception):
                raise session
            return session

        self.served = asyncio.create_task(spdy_session.serve(theirs, protocol, ALL, begin))

    async def streams(self) -> dict[str, SpdyStream]:
        return {name: await self.connection.open({"streamtype": name}) for name in ALL}

    async def leave(self) -> None:
        await self._to_server.put(b"")
        async with asyncio.timeout(5):
            await self.served
        self._running.cancel()


@pytest.mark.parametrize("protocol", spdy_session.PROTOCOLS)
async def test_streams_carry_input_output_and_how_it_went(protocol: str) -> None:
    session = Echo()
    client = Client(protocol, session)
    streams = await client.streams()
    await streams["resize"].write(b'{"Width":101,"Hei')
    await streams["resize"].write(b'ght":33}\n{"Width":80,"Height":25}{"Width":"x"}')
    await streams["stdin"].write(b"hello")
    assert await streams["stdout"].read() == b"hello"
    await streams["stdin"].finish()
    assert await streams["stderr"].read_all() == b"bye"
    told = await streams["error"].read_all()
    if protocol == spdy_session.WITH_STATUS:
        assert json.loads(told) == FAILED
    else:
        assert told.decode() == FAILED["message"]
    assert await streams["stdout"].read() == b""
    await client.leave()
    assert session.sizes == [(101, 33), (80, 25)]
    assert session.closed


async def test_what_cannot_begin_is_told_on_the_error_stream() -> None:
    client = Client(spdy_session.WITH_STATUS, RuntimeFault("no such container"))
    streams = await client.streams()
    told = json.loads(await streams["error"].read_all())
    assert (told["status"], told["message"]) == ("Failure", "no such container")
    await client.leave()


async def test_a_client_that_leaves_ends_its_session() -> None:
    session = Echo()
    client = Client(spdy_session.WITH_STATUS, session)
    streams = await client.streams()
    await streams["stdin"].write(b"hello")
    assert await streams["stdout"].read() == b"hello"
    await client.leave()
    assert session.closed


async def test_a_client_that_leaves_before_its_streams_are_there_begins_nothing() -> None:
    session = Echo()
    client = Client(spdy_session.WITH_STATUS, session)
    await client.connection.open({"streamtype": "error"})
    await client.leave()
    assert not session.closed
