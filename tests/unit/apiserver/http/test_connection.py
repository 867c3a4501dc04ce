"""Connections as a client sees them: bytes in, bytes out, over real sockets on both loops."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest
import uvloop

from grappe.api.errors import gone
from grappe.apiserver.http.limits import Limits
from grappe.apiserver.http.messages import (
    Answer,
    Request,
    Response,
    Stream,
    StreamWriter,
    Tunnel,
)
from grappe.apiserver.http.server import HttpServer, serve
from grappe.base.errors import UserError

LIMITS = Limits(
    head_bytes=4096, body_bytes=10_000, pipelined=4, slice_bytes=8192, linger_seconds=0.5
)


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    policy = request.param()
    assert isinstance(policy, asyncio.AbstractEventLoopPolicy)
    return policy


@dataclass
class Api:
    """A handler that remembers what it was asked, and answers by path."""

    routes: dict[str, Callable[[Request], Answer | Awaitable[Answer]]] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def __call__(self, request: Request) -> Answer | Awaitable[Answer]:
        self.requests.append(request)
        route = self.routes.get(request.path)
        if route is not None:
            return route(request)
        text = f"{request.method} {request.path}?{request.query} ".encode()
        return Response(200, text + request.body)


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def head(self) -> tuple[int, dict[str, str]]:
        text = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        status, *lines = text.rstrip().split("\r\n")
        return int(status.split()[1]), {
            k.lower(): v for k, _, v in (line.partition(": ") for line in lines)
        }

    async def answer(self) -> tuple[int, bytes]:
        status, headers = await self.head()
        return status, await self.reader.readexactly(int(headers["content-length"]))

    async def chunk(self) -> bytes:
        size = int(await self.reader.readline(), 16)
        return (await self.reader.readexactly(size + 2))[:-2]

    async def ended(self) -> bytes:
        """What comes until the server ends the connection."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""


@pytest.fixture
async def api() -> Api:
    return Api()


@pytest.fixture
async def server(api: Api) -> AsyncIterator[HttpServer]:
    server = await serve(api, addresses=[("127.0.0.1", 0)], tls=None, limits=LIMITS)
    yield server
    await server.close(grace=0.2)


@pytest.fixture
async def connect(server: HttpServer) -> AsyncIterator[Callable[[], Awaitable[Client]]]:
    clients: list[Client] = []

    async def open_client() -> Client:
        clients.append(Client(*await asyncio.open_connection("127.0.0.1", server.ports[0])))
        return clients[-1]

    yield open_client
    for client in clients:
        client.writer.close()


@pytest.fixture
async def client(connect: Callable[[], Awaitable[Client]]) -> Client:
    return await connect()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


# -- requests and answers --


async def test_requests_of_one_connection_are_answered_in_turn(client: Client, api: Api) -> None:
    client.send(b"GET /a%20b?x=1&y HTTP/1.1\r\nHost: x\r\nX-One: 1\r\nx-one: 2\r\n\r\n")
    assert await client.answer() == (200, b"GET /a%20b?x=1&y ")
    assert api.requests[0].headers == {"host": "x", "x-one": "1, 2"}
    assert api.requests[0].remote == "127.0.0.1"
    client.send(b"POST /c HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello")
    assert await client.answer() == (200, b"POST /c? hello")


async def test_an_answer_has_date_type_length_and_the_handlers_headers(
    client: Client, api: Api
) -> None:
    api.routes["/"] = lambda _: Response(
        201, b"{}", "application/yaml", [("Warning", '299 - "no\r\nEvil: yes"')]
    )
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    status, headers = await client.head()
    assert status == 201
    assert headers["content-type"] == "application/yaml"
    assert headers["content-length"] == "2"
    assert headers["date"].endswith("GMT")
    assert "evil" not in headers
    assert headers["warning"] == '299 - "no Evil: yes"'


async def test_pipelined_requests_in_odd_pieces_keep_their_order(client: Client, api: Api) -> None:
    gates = {f"/{i}": asyncio.Event() for i in range(0, 40, 3)}

    async def slow(request: Request) -> Answer:
        await gates[request.path].wait()
        return Response(200, request.path.encode() + request.body)

    api.routes.update(dict.fromkeys(gates, slow))
    wire = b"".join(
        b"POST /%d HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" % i
        if i % 2
        else b"GET /%d HTTP/1.1\r\n\r\n" % i
        for i in range(40)
    )

    async def send() -> None:
        for start in range(0, len(wire), 7):
            client.send(wire[start : start + 7])
            await asyncio.sleep(0)

    sending = asyncio.create_task(send())
    for gate in reversed(gates.values()):
        gate.set()
    for i in range(40):
        status, body = await client.answer()
        assert status == 200
        assert b"/%d" % i in body
        assert (b"abc" in body) == bool(i % 2)
    await sending


async def test_a_pipeliner_that_does_not_read_is_not_read_either(client: Client, api: Api) -> None:
    api.routes["/big"] = lambda _: Response(200, b"x" * 100_000)
    for _ in range(600):
        client.send(b"GET /big HTTP/1.1\r\n\r\n")
    await until(lambda: len(api.requests) >= 1)
    before = -1
    while before != len(api.requests):
        before = len(api.requests)
        await asyncio.sleep(0.05)
    assert before < 300
    for _ in range(600):
        status, body = await client.answer()
        assert (status, len(body)) == (200, 100_000)


async def test_a_chunked_request_body_is_put_together(client: Client) -> None:
    client.send(
        b"POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    assert await client.answer() == (200, b"POST /c? abcde")


async def test_a_client_that_asks_first_is_told_to_continue(client: Client) -> None:
    client.send(b"POST /c HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(b"ok")
    assert await client.answer() == (200, b"POST /c? ok")


async def test_head_has_the_length_but_not_the_body(client: Client) -> None:
    client.send(b"HEAD /a HTTP/1.1\r\n\r\nGET /b HTTP/1.1\r\n\r\n")
    status, headers = await client.head()
    assert (status, headers["content-length"]) == (200, str(len("HEAD /a? ")))
    assert await client.answer() == (200, b"GET /b? ")


@pytest.mark.parametrize(
    "request_text",
    [b"GET /a HTTP/1.1\r\nConnection: close\r\n\r\n", b"GET /a HTTP/1.0\r\n\r\n"],
    ids=["close", "http-1.0"],
)
async def test_a_client_that_wants_the_connection_closed_gets_it(
    client: Client, request_text: bytes
) -> None:
    client.send(request_text)
    status, headers = await client.head()
    assert (status, headers["connection"]) == (200, "close")
    assert await client.ended() == b"GET /a? "


async def test_a_proxy_style_target_is_understood(client: Client) -> None:
    client.send(b"GET http://host/a/b?c HTTP/1.1\r\nHost: host\r\n\r\n")
    assert await client.answer() == (200, b"GET /a/b?c ")


# -- refusals --


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"NONSENSE\r\n\r\n", 400),
        (b"GET / HTTP/3.7\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET evil HTTP/1.1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 10001\r\n\r\n", 413),
        (
            b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2711\r\n" + b"x" * 10001,
            413,
        ),
        (b"GET / HTTP/1.1\r\nX: " + b"x" * 5000 + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * 5000 + b" HTTP/1.1\r\n\r\n", 431),
    ],
    ids=[
        "no-http",
        "version",
        "tls-bytes",
        "target",
        "length-not-a-number",
        "two-lengths",
        "length-and-chunked",
        "bad-chunk",
        "body-too-large",
        "chunked-body-too-large",
        "header-too-large",
        "url-too-large",
    ],
)
async def test_a_bad_request_gets_a_status_and_the_connection_ends(
    client: Client, api: Api, sent: bytes, code: int
) -> None:
    client.send(sent)
    status, body = await client.answer()
    assert status == code
    assert b'"kind":"Status"' in body
    assert b'"code":%d' % code in body
    assert await client.ended() == b""
    assert api.requests == []


async def test_an_endless_header_is_refused_before_it_ends(client: Client) -> None:
    for _ in range(10):
        client.send(b"GET / HTTP/1.1\r\nX: " if _ == 0 else b"x" * 1000)
        await client.writer.drain()
        await asyncio.sleep(0.01)
    assert (await client.answer())[0] == 431


async def test_a_client_in_the_middle_of_sending_still_reads_why_it_was_refused(
    client: Client,
) -> None:
    client.send(b"POST / HTTP/1.1\r\nContent-Length: 4000000\r\n\r\n")
    for _ in range(40):
        client.send(b"x" * 100_000)
    assert (await client.answer())[0] == 413


async def test_earlier_requests_are_answered_before_a_later_one_is_refused(
    client: Client, api: Api
) -> None:
    gate = asyncio.Event()

    async def slow(_: Request) -> Answer:
        await gate.wait()
        return Response(200, b"slow")

    api.routes["/slow"] = slow
    client.send(b"GET /slow HTTP/1.1\r\n\r\nNONSENSE\r\n\r\n")
    await until(lambda: api.requests)
    gate.set()
    assert await client.answer() == (200, b"slow")
    assert (await client.answer())[0] == 400


@pytest.mark.parametrize("awaited", [False, True], ids=["at-once", "awaited"])
async def test_a_failing_handler_gives_500_without_details_and_a_log_line(
    client: Client, api: Api, caplog: pytest.LogCaptureFixture, awaited: bool
) -> None:
    def fail(_: Request) -> Answer:
        raise RuntimeError("secret detail")

    async def fail_later(request: Request) -> Answer:
        await asyncio.sleep(0)
        return fail(request)

    api.routes["/fail"] = fail_later if awaited else fail
    client.send(b"GET /fail HTTP/1.1\r\n\r\nGET /ok HTTP/1.1\r\n\r\n")
    status, body = await client.answer()
    assert status == 500
    assert b"secret" not in body
    assert "secret detail" in caplog.text
    assert await client.answer() == (200, b"GET /ok? ")


async def test_an_api_error_becomes_its_status(client: Client, api: Api) -> None:
    def fail(_: Request) -> Answer:
        raise gone("too old")

    api.routes["/fail"] = fail
    client.send(b"GET /fail HTTP/1.1\r\n\r\n")
    status, body = await client.answer()
    assert status == 410
    assert b'"reason":"Expired"' in body


@pytest.mark.parametrize(
    ("sent", "answered"),
    [
        (b"", b""),
        (b"GET / HT", b"HTTP/1.1 408"),
        (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhe", b"HTTP/1.1 408"),
        (b"GET / HTTP/1.1\r\n\r\n", b"HTTP/1.1 200"),
    ],
    ids=["silent", "slow-head", "slow-body", "idle"],
)
async def test_a_client_that_takes_too_long_is_let_go(sent: bytes, answered: bytes) -> None:
    limits = Limits(head_seconds=0.05, body_seconds=0.05, idle_seconds=0.05, linger_seconds=0.05)
    server = await serve(Api(), addresses=[("127.0.0.1", 0)], tls=None, limits=limits)
    client = Client(*await asyncio.open_connection("127.0.0.1", server.ports[0]))
    client.send(sent)
    await until(lambda: server.connections == 1)
    await asyncio.sleep(0.1)
    server._sweep()
    assert (await client.ended()).startswith(answered)
    client.writer.close()
    await server.close(grace=0.2)


# -- long bodies and slow readers --


async def test_a_long_list_comes_whole_and_lets_others_in_between(
    connect: Callable[[], Awaitable[Client]], api: Api
) -> None:
    pieces = [b"%07d," % i for i in range(1_000_000)]
    api.routes["/list"] = lambda _: Response(200, pieces)
    reader, other = await connect(), await connect()
    reader.send(b"GET /list HTTP/1.1\r\n\r\nGET /after HTTP/1.1\r\n\r\n")
    await until(lambda: api.requests)
    other.send(b"GET /quick HTTP/1.1\r\n\r\n")
    assert await other.answer() == (200, b"GET /quick? ")
    assert [r.path for r in api.requests] == ["/list", "/quick"]
    status, body = await reader.answer()
    assert status == 200
    assert body == b"".join(pieces)
    assert await reader.answer() == (200, b"GET /after? ")


@pytest.mark.parametrize("size", [8191, 8192, 8193, 50_000])
async def test_bodies_around_the_slice_size_come_whole(client: Client, api: Api, size: int) -> None:
    whole = bytes(i % 251 for i in range(size))
    api.routes["/bytes"] = lambda _: Response(200, whole)
    api.routes["/parts"] = lambda _: Response(200, [whole[:10], whole[10:], b""])
    client.send(b"GET /bytes HTTP/1.1\r\n\r\nGET /parts HTTP/1.1\r\n\r\n")
    assert await client.answer() == (200, whole)
    assert await client.answer() == (200, whole)


async def test_a_client_that_stops_reading_its_list_is_let_go(api: Api) -> None:
    limits = Limits(stalled_seconds=0.05)
    server = await serve(api, addresses=[("127.0.0.1", 0)], tls=None, limits=limits)
    api.routes["/list"] = lambda _: Response(200, [b"x" * 1000] * 50_000)
    client = Client(*await asyncio.open_connection("127.0.0.1", server.ports[0]))
    client.send(b"GET /list HTTP/1.1\r\n\r\n")
    await until(lambda: api.requests)
    await asyncio.sleep(0.2)
    server._sweep()
    await until(lambda: server.connections == 0)
    client.writer.close()
    await server.close()


# -- streams --


@dataclass
class Feed:
    """A stream's producer: keeps its writer, counts its ends."""

    writer: StreamWriter | None = None
    ends: int = 0

    def start(self, writer: StreamWriter) -> Callable[[], None]:
        self.writer = writer
        return self.end

    def end(self) -> None:
        self.ends += 1


async def begin(client: Client, api: Api, version: bytes = b"1.1") -> Feed:
    feed = Feed()
    api.routes["/watch"] = lambda _: Stream(feed.start)
    client.send(b"GET /watch HTTP/%b\r\n\r\n" % version)
    await until(lambda: feed.writer)
    return feed


async def test_a_streams_head_comes_before_its_first_data(client: Client, api: Api) -> None:
    await begin(client, api)
    status, headers = await client.head()
    assert (status, headers["transfer-encoding"]) == (200, "chunked")


async def test_a_stream_is_chunked_and_the_connection_lives_on_after_it(
    client: Client, api: Api
) -> None:
    feed = await begin(client, api)
    client.send(b"GET /next HTTP/1.1\r\n\r\n")
    await client.head()
    assert feed.writer is not None
    assert feed.writer.write(b"one")
    assert feed.writer.write(b"two")
    assert [await client.chunk(), await client.chunk()] == [b"one", b"two"]
    assert [r.path for r in api.requests] == ["/watch"]
    feed.writer.close()
    feed.writer.close()
    assert feed.ends == 1
    assert not feed.writer.write(b"three")
    assert await client.chunk() == b""
    assert await client.answer() == (200, b"GET /next? ")


async def test_a_stream_that_writes_and_closes_as_it_starts(client: Client, api: Api) -> None:
    feed = Feed()

    def start(writer: StreamWriter) -> Callable[[], None]:
        writer.write(b"all")
        writer.close()
        return feed.end

    api.routes["/watch"] = lambda _: Stream(start)
    client.send(b"GET /watch HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\n\r\n")
    await client.head()
    assert [await client.chunk(), await client.chunk()] == [b"all", b""]
    assert await client.answer() == (200, b"GET /next? ")
    assert feed.ends == 1


async def test_a_stream_that_cannot_start_is_an_error(client: Client, api: Api) -> None:
    def start(_: StreamWriter) -> Callable[[], None]:
        raise gone("too old")

    api.routes["/watch"] = lambda _: Stream(start)
    client.send(b"GET /watch HTTP/1.1\r\n\r\n")
    assert (await client.answer())[0] == 410


async def test_an_old_client_gets_the_stream_unchunked(client: Client, api: Api) -> None:
    feed = await begin(client, api, b"1.0")
    assert feed.writer is not None
    feed.writer.write(b"one")
    feed.writer.close()
    _, headers = await client.head()
    assert "transfer-encoding" not in headers
    assert await client.ended() == b"one"


async def test_a_stream_ends_when_the_client_goes(client: Client, api: Api) -> None:
    feed = await begin(client, api)
    client.writer.close()
    await until(lambda: feed.ends)
    assert feed.writer is not None
    assert not feed.writer.write(b"more")
    assert feed.ends == 1


async def test_a_client_too_far_behind_is_cut_off(
    connect: Callable[[], Awaitable[Client]], api: Api, server: HttpServer
) -> None:
    slow = await connect()
    feed = await begin(slow, api)
    assert feed.writer is not None
    written = 0
    while feed.writer.write(b"x" * 100_000):
        written += 100_000
        assert written < 50_000_000
    assert written > LIMITS.stream_backlog / 2
    assert feed.ends == 1
    await until(lambda: server.connections == 0)


# -- tunnels --


@dataclass
class Upstream:
    """A server whose side of each connection the test plays."""

    port: int = 0
    peers: list[Client] = field(default_factory=list)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.peers.append(Client(reader, writer))

    def tunnel(self, first: bytes) -> Tunnel:
        async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
            return (*await asyncio.open_connection("127.0.0.1", self.port), first)

        return Tunnel(connect)


@pytest.fixture
async def upstream(api: Api) -> AsyncIterator[Upstream]:
    upstream = Upstream()
    listener = await asyncio.start_server(upstream.accept, "127.0.0.1", 0)
    upstream.port = listener.sockets[0].getsockname()[1]
    api.routes["/exec"] = lambda _: upstream.tunnel(b"FIRST\r\n\r\n")
    yield upstream
    for peer in upstream.peers:
        peer.writer.close()
    listener.close()


UPGRADE = b"GET /exec HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"


async def test_an_upgrade_carries_bytes_both_ways(client: Client, upstream: Upstream) -> None:
    client.send(UPGRADE + b"early")
    await until(lambda: upstream.peers)
    peer = upstream.peers[0]
    assert await peer.reader.readexactly(9) == b"FIRST\r\n\r\n"
    peer.send(SWITCH + b"hello")
    assert await client.reader.readexactly(len(SWITCH) + 5) == SWITCH + b"hello"
    assert await peer.reader.readexactly(5) == b"early"
    client.send(b"later")
    assert await peer.reader.readexactly(5) == b"later"
    peer.writer.close()
    assert await client.ended() == b""


async def test_a_tunnel_moves_much_data_both_ways(client: Client, upstream: Upstream) -> None:
    client.send(UPGRADE)
    await until(lambda: upstream.peers)
    peer = upstream.peers[0]
    peer.send(SWITCH)
    await client.reader.readexactly(len(SWITCH))
    await peer.reader.readexactly(9)
    size = 20_000_000

    async def push(end: Client) -> None:
        for _ in range(200):
            end.send(b"z" * (size // 200))
            await end.writer.drain()

    await asyncio.gather(
        push(client),
        push(peer),
        client.reader.readexactly(size),
        peer.reader.readexactly(size),
    )


async def test_upstream_ends_when_the_client_goes(client: Client, upstream: Upstream) -> None:
    client.send(UPGRADE)
    await until(lambda: upstream.peers)
    peer = upstream.peers[0]
    peer.send(SWITCH)
    await client.reader.readexactly(len(SWITCH))
    client.writer.close()
    assert await peer.ended() == b"FIRST\r\n\r\n"


async def test_a_client_cannot_reach_upstream_with_a_second_request(
    client: Client, upstream: Upstream
) -> None:
    """A log, or a refused upgrade: what the client sends next must not run as the server."""
    client.send(UPGRADE + b"GET /smuggled HTTP/1.1\r\n\r\n")
    await until(lambda: upstream.peers)
    peer = upstream.peers[0]
    peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\n")
    assert (await client.head())[0] == 403
    client.send(b"GET /smuggled HTTP/1.1\r\n\r\n")
    peer.send(b"no")
    assert await client.ended() == b"no"
    assert await peer.ended() == b"FIRST\r\n\r\n"


async def test_a_followed_log_is_passed_on_as_it_comes(client: Client, upstream: Upstream) -> None:
    client.send(b"GET /exec HTTP/1.1\r\n\r\n")
    await until(lambda: upstream.peers)
    peer = upstream.peers[0]
    peer.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n")
    assert (await client.head())[0] == 200
    assert await client.chunk() == b"one"
    peer.send(b"3\r\ntwo\r\n")
    assert await client.chunk() == b"two"
    peer.send(b"0\r\n\r\n")
    assert await client.ended() == b"0\r\n\r\n"


async def test_a_tunnel_that_cannot_connect_is_an_error(client: Client, api: Api) -> None:
    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]:
        raise gone("no such node")

    api.routes["/exec"] = lambda _: Tunnel(connect)
    client.send(b"GET /exec HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\n\r\n")
    assert (await client.answer())[0] == 410
    assert await client.answer() == (200, b"GET /next? ")


# -- the end --


async def test_closing_ends_idle_clients_and_streams_and_finishes_answers(
    connect: Callable[[], Awaitable[Client]], api: Api, server: HttpServer
) -> None:
    gate = asyncio.Event()

    async def slow(_: Request) -> Answer:
        await gate.wait()
        return Response(200, b"done")

    api.routes["/slow"] = slow
    idle, watching, busy = await connect(), await connect(), await connect()
    idle.send(b"GET / HTTP/1.1\r\n\r\n")
    await idle.answer()
    feed = await begin(watching, api)
    await watching.head()
    busy.send(b"GET /slow HTTP/1.1\r\n\r\n")
    await until(lambda: len(api.requests) == 3)
    closing = asyncio.create_task(server.close(grace=10))
    assert await idle.ended() == b""
    assert await watching.chunk() == b""
    assert feed.ends == 1
    gate.set()
    status, headers = await busy.head()
    assert (status, headers["connection"]) == (200, "close")
    assert await busy.ended() == b"done"
    await closing


async def test_closing_does_not_wait_for_ever(client: Client, api: Api, server: HttpServer) -> None:
    api.routes["/never"] = lambda _: asyncio.get_running_loop().create_future()
    client.send(b"GET /never HTTP/1.1\r\n\r\n")
    await until(lambda: api.requests)
    await server.close(grace=0.05)
    assert await client.ended() == b""


async def test_a_taken_port_is_named(server: HttpServer) -> None:
    with pytest.raises(UserError, match=f"cannot listen on 127.0.0.1:{server.ports[0]}"):
        await serve(Api(), addresses=[("127.0.0.1", server.ports[0])], tls=None)


async def test_an_address_that_is_not_there_yet_can_be_listened_on() -> None:
    server = await serve(
        Api(), addresses=[("127.0.0.1", 0), ("192.0.2.77", 0)], tls=None, freebind=True
    )
    assert server.ports[0] == server.ports[1] != 0
    await server.close()
    with pytest.raises(UserError, match=r"cannot listen on 192\.0\.2\.77"):
        await serve(Api(), addresses=[("192.0.2.77", 0)], tls=None)


async def test_a_client_that_resets_while_it_is_answered_harms_nobody(
    connect: Callable[[], Awaitable[Client]], api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    gate = asyncio.Event()

    async def slow(_: Request) -> Answer:
        await gate.wait()
        return Response(200, b"late")

    api.routes["/slow"] = slow
    rude, polite = await connect(), await connect()
    rude.send(b"GET /slow HTTP/1.1\r\n\r\n")
    await until(lambda: api.requests)
    rude.writer.get_extra_info("socket").setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0"
    )
    rude.writer.close()
    await asyncio.sleep(0.02)
    gate.set()
    polite.send(b"GET /ok HTTP/1.1\r\n\r\n")
    assert await polite.answer() == (200, b"GET /ok? ")
    assert not [r for r in caplog.records if r.levelno >= logging.WARNING]
