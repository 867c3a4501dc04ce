"""What TLS adds: who the client is, and that its buffers are bounded too."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import uvloop

from grappe.apiserver.http.limits import Limits
from grappe.apiserver.http.messages import Answer, Request, Response, Stream, StreamWriter
from grappe.apiserver.http.server import HttpServer, serve
from grappe.apiserver.pki import Pki, ensure, server_ssl_context
from grappe.base.config import ClusterConfig

LIMITS = Limits(stream_backlog=1_000_000)


@pytest.fixture(params=[asyncio.DefaultEventLoopPolicy, uvloop.EventLoopPolicy])
def event_loop_policy(request: pytest.FixtureRequest) -> asyncio.AbstractEventLoopPolicy:
    policy = request.param()
    assert isinstance(policy, asyncio.AbstractEventLoopPolicy)
    return policy


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return ensure(ClusterConfig("test", tmp_path_factory.mktemp("tls"), 6443))


class Api:
    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.writers: list[StreamWriter] = []
        self.ended = 0

    def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        if request.path == "/watch":
            return Stream(self._start)
        if request.path == "/list":
            return Response(200, [b"x" * 1000] * 40_000)
        return Response(200, b"hello")

    def _start(self, writer: StreamWriter) -> Callable[[], None]:
        self.writers.append(writer)
        return self._end

    def _end(self) -> None:
        self.ended += 1


@pytest.fixture
async def api() -> Api:
    return Api()


@pytest.fixture
async def server(api: Api, pki: Pki) -> AsyncIterator[HttpServer]:
    server = await serve(
        api, addresses=[("127.0.0.1", 0)], tls=server_ssl_context(pki), limits=LIMITS
    )
    yield server
    await server.close(grace=0.2)


async def connect(
    server: HttpServer, pki: Pki, name: str = ""
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.create_default_context(cafile=str(pki.ca_certificate))
    if name:
        context.load_cert_chain(pki.certificate(name), pki.key(name))
    return await asyncio.open_connection("127.0.0.1", server.ports[0], ssl=context)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    ("name", "known"),
    [("admin", ("kubernetes-admin", ("system:masters",))), ("", None)],
    ids=["with-certificate", "without"],
)
async def test_every_request_of_a_connection_carries_its_certificate(
    server: HttpServer, api: Api, pki: Pki, name: str, known: object
) -> None:
    reader, writer = await connect(server, pki, name)
    for _ in range(2):
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200")
    assert [r.certificate for r in api.requests] == [known, known]
    writer.close()


async def test_a_foreign_certificate_is_no_way_in(
    server: HttpServer, api: Api, pki: Pki, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    foreign = ensure(ClusterConfig("foreign", tmp_path, 6443))
    context = ssl.create_default_context(cafile=str(pki.ca_certificate))
    context.load_cert_chain(foreign.certificate("admin"), foreign.key("admin"))

    async def ask() -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0], ssl=context)
        writer.write(b"GET / HTTP/1.1\r\n\r\n")
        return await reader.readuntil(b"hello")

    with pytest.raises((ssl.SSLError, ConnectionError, asyncio.IncompleteReadError)):
        await ask()
    assert api.requests == []
    assert not caplog.records


async def test_plain_http_is_refused_and_harms_nobody(
    server: HttpServer, api: Api, pki: Pki, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.ports[0])
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    try:
        assert b"hello" not in await reader.read()
    except ConnectionError:
        pass
    writer.close()
    reader, writer = await connect(server, pki)
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await reader.readuntil(b"hello")
    writer.close()
    assert len(api.requests) == 1
    assert not caplog.records


async def test_a_watcher_that_does_not_read_is_cut_off(
    server: HttpServer, api: Api, pki: Pki
) -> None:
    _, writer = await connect(server, pki)
    writer.write(b"GET /watch HTTP/1.1\r\n\r\n")
    await until(lambda: api.writers)
    written = 0
    while api.writers[0].write(b"x" * 50_000):
        written += 50_000
        assert written < 50_000_000
        await asyncio.sleep(0)
    assert api.ended == 1
    await until(lambda: not server.connections)
    writer.close()


async def test_a_long_list_waits_for_its_reader(server: HttpServer, api: Api, pki: Pki) -> None:
    """What is not read stays references in the store, not bytes in a buffer."""
    reader, writer = await connect(server, pki)
    writer.write(b"GET /list HTTP/1.1\r\n\r\n")
    await until(lambda: api.requests)
    await asyncio.sleep(0.2)
    (connection,) = server._connections
    assert connection._transport.get_write_buffer_size() < 2_000_000
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"Content-Length: 40000000" in head
    assert len(await reader.readexactly(40_000_000)) == 40_000_000
    writer.close()


async def test_many_watchers_get_every_event(server: HttpServer, api: Api, pki: Pki) -> None:
    count = 200
    context = ssl.create_default_context(cafile=str(pki.ca_certificate))
    streams = [
        await asyncio.open_connection("127.0.0.1", server.ports[0], ssl=context)
        for _ in range(count)
    ]
    for _, writer in streams:
        writer.write(b"GET /watch HTTP/1.1\r\n\r\n")
    await until(lambda: len(api.writers) == count)
    for number in range(20):
        event = b'{"event":%d}\n' % number
        for stream in api.writers:
            assert stream.write(event)
    for stream in api.writers:
        stream.close()
    for reader, writer in streams:
        text = await reader.readuntil(b"0\r\n\r\n")
        assert [b'{"event":%d}' % n in text for n in range(20)] == [True] * 20
        writer.close()
    assert api.ended == count
