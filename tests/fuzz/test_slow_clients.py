"""Clients that dawdle, vanish or never read: each is bounded, and others do not notice.

Times are short and looked at by `expire` when the test says so, not by the sweeper's clock.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator, Callable

import pytest

from grappe.apiserver.http.limits import Limits
from grappe.apiserver.http.messages import Answer, Request
from grappe.apiserver.http.server import HttpServer, serve
from grappe.testing.cluster import ADMIN, TestCluster, running_cluster
from tests.cluster.api_requests import CONFIG_MAPS, ask, config_map
from tests.fuzz.requests import HOSTILE

LIMITS = Limits(head_seconds=30, body_seconds=30, idle_seconds=30, linger_seconds=0.05)
LATER = 31.0
GET = b"GET %b HTTP/1.1\r\nHost: x\r\n\r\n"
BODY = b'{"metadata":{"name":"slow"}}'
POST = (
    b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (CONFIG_MAPS.encode(), len(BODY), BODY)
)


@pytest.fixture
async def cluster() -> AsyncIterator[TestCluster]:
    async with running_cluster() as running:
        yield running


@pytest.fixture
async def server(cluster: TestCluster) -> AsyncIterator[HttpServer]:
    def as_admin(request: Request) -> Answer:
        request.user = ADMIN
        return cluster.api.handle(request)  # type: ignore[return-value]

    running = await serve(as_admin, addresses=[("127.0.0.1", 0)], tls=None, limits=LIMITS)
    yield running
    await running.close(grace=0.2)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.005)


async def connect(server: HttpServer) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", server.ports[0])


def time_passes(server: HttpServer, seconds: float) -> None:
    """Look at every connection as the sweeper would `seconds` from now."""
    now = asyncio.get_running_loop().time() + seconds
    for connection in list(server._connections):
        connection.expire(now)


async def served(server: HttpServer) -> None:
    """Somebody else is answered, at once."""
    reader, writer = await connect(server)
    writer.write(GET % b"/version")
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()


@pytest.mark.parametrize("start", [0, POST.index(b"\r\n\r\n") + 4], ids=["heads", "bodies"])
async def test_bytes_that_drip_in_buy_no_time(server: HttpServer, start: int) -> None:
    """Every byte comes well in time, the request does not."""
    clients = [await connect(server) for _ in range(100)]
    for _, writer in clients:
        writer.write(POST[: start + 1])
    for index in range(start + 1, start + 20):
        for _, writer in clients:
            writer.write(POST[index : index + 1])
        await served(server)
    time_passes(server, LATER)
    for reader, writer in clients:
        assert (await reader.read()).startswith(b"HTTP/1.1 408")
        writer.close()
    await until(lambda: server.connections == 0)
    await served(server)


async def test_thousands_of_idle_connections_go_when_their_time_is_up(server: HttpServer) -> None:
    clients = [await connect(server) for _ in range(2000)]
    for _, writer in clients[:1000]:
        writer.write(GET % b"/version")
    for reader, _ in clients[:1000]:
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    await until(lambda: server.connections == 2000)
    await served(server)
    time_passes(server, LATER)
    await until(lambda: server.connections == 0)
    for _, writer in clients:
        writer.close()
    await served(server)


async def test_a_half_closed_write_is_done_and_its_connection_gone(
    cluster: TestCluster, server: HttpServer
) -> None:
    reader, writer = await connect(server)
    writer.write(POST)
    writer.write_eof()
    await reader.read()
    writer.close()
    await until(lambda: server.connections == 0)
    assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/slow")).status == 200


@pytest.mark.parametrize("sent", [b"", GET[:9], POST[:-3], POST, GET % b"/api/v1/pods?watch=1"])
async def test_reset_connections_leave_nothing(server: HttpServer, sent: bytes) -> None:
    for _ in range(50):
        client = socket.create_connection(("127.0.0.1", server.ports[0]))
        client.sendall(sent)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        await asyncio.sleep(0)
    await served(server)
    await until(lambda: server.connections == 0)


async def test_who_never_reads_is_not_read_from_either(
    cluster: TestCluster, server: HttpServer
) -> None:
    """The answers and the requests that wait on one connection are bounded together."""
    for number in range(20):
        await ask(cluster, "POST", CONFIG_MAPS, config_map(f"c{number}", {"k": "x" * 100_000}))
    _, writer = await connect(server)
    writer.write(GET % CONFIG_MAPS.encode() * 12)
    large = b"POST %b HTTP/1.1\r\nContent-Length: 2000000\r\n\r\n" % CONFIG_MAPS.encode()
    writer.write((large + b" " * 2_000_000) * 20)
    (connection,) = server._connections
    await until(lambda: connection._paused and connection._reading_paused)
    waiting = connection._reader.requests
    assert sum(len(one.request.body) for one in waiting) < 2 * LIMITS.body_bytes
    await served(server)
    time_passes(server, 2 * LIMITS.stalled_seconds)
    await until(lambda: connection not in server._connections)
    writer.close()


async def test_garbage_is_refused_and_harms_nobody(server: HttpServer) -> None:
    dice = random.Random(7)
    pieces = [
        *(GET % b"/version", POST, b"\x16\x03\x01\x02\x00", b"\x00" * 50, b"\r\n" * 20),
        *(b"GET / HTTP/9.9\r\n\r\n", b"GET  /\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        b"POST /api HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /api HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"POST /api HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        b"POST /api HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /api HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"GET /api HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
        b"GET /api HTTP/1.1\r\nHost: x\r\n bad: folded\r\n\r\n",
        *(body[:2000] for body in HOSTILE),
    ]
    for _ in range(100):
        reader, writer = await connect(server)
        writer.write(b"".join(dice.choices(pieces, k=dice.randint(1, 4))))
        if dice.random() < 0.5:
            writer.write_eof()
        time_passes(server, 0)
        try:
            async with asyncio.timeout(0.1):
                answer = await reader.read()
        except (TimeoutError, ConnectionError):
            answer = b""
        assert b"HTTP/1.1 5" not in answer, answer
        writer.close()
    await served(server)
    time_passes(server, LATER)
    await until(lambda: server.connections == 0)
