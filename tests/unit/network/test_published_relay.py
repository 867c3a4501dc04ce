"""The relay behind published ports, on both event loops: the node runs on uvloop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from grappe.network.published.relay import Relay

Run = Callable[[Coroutine[Any, Any, None]], None]


@pytest.fixture(params=[asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    chosen: Run = request.param
    return chosen


def listener() -> socket.socket:
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    return made


async def ask(port: int, text: bytes, *, end: bool) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(text)
    if end:
        writer.write_eof()
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


async def relayed(end: bool) -> list[bytes]:
    """What comes back through a relay to a server that starts to listen late."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard = await (reader.read() if end else reader.readexactly(5))
        writer.write(b"heard " + heard)
        await writer.drain()
        writer.close()

    target, front = listener(), listener()
    relay = Relay(front, target.getsockname())
    await relay.start()
    port = front.getsockname()[1]
    asked = [asyncio.create_task(ask(port, b"hello", end=end)) for _ in range(20)]
    server = await asyncio.start_server(serve, sock=target)
    try:
        return await asyncio.gather(*asked)
    finally:
        relay.close()
        server.close()


@pytest.mark.parametrize("end", [False, True], ids=["open", "half-closed"])
def test_what_a_client_sends_at_once_is_not_lost(run: Run, end: bool) -> None:
    async def check() -> None:
        assert await relayed(end) == [b"heard hello"] * 20

    run(check())
