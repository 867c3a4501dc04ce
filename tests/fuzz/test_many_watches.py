"""Ten thousand watches of one server: each gets every event, and nothing is left of them."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvloop

from grappe.apiserver.http.messages import Answer, Request, Response, Stream
from grappe.apiserver.http.server import serve
from grappe.apiserver.pki import server_ssl_context
from grappe.testing.cluster import ADMIN, TestCluster, running_cluster
from tests.cluster.api_requests import CONFIG_MAPS, ask, config_map

EVENTS = 5
KIB_EACH = 24
"""What a watch may cost without TLS: the socket's transport, the request, its place in a group."""
KIB_EACH_TLS = 64
ROOT = Path(__file__).parents[2]


@pytest.fixture
def event_loop_policy() -> asyncio.AbstractEventLoopPolicy:
    """The server's loop: asyncio's own takes 256 KiB for each TLS connection."""
    policy = uvloop.EventLoopPolicy()
    assert isinstance(policy, asyncio.AbstractEventLoopPolicy)
    return policy


@contextmanager
def open_files(wanted: int) -> Iterator[None]:
    """Room for so many open files; skips where the machine does not allow it."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = before
    if hard < wanted:
        pytest.skip(f"needs {wanted} open files, {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


async def long_running(cluster: TestCluster) -> float:
    """Watches under way, as the server counts them."""
    answer = await cluster.transport.request("GET", "/metrics", {}, {}, b"")
    return sum(
        float(line.rpartition(" ")[2])
        for line in answer.body.decode().splitlines()
        if line.startswith("apiserver_longrunning_requests{") and 'resource="configmaps"' in line
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("count", "secure"), [(10_000, False), (400, True)], ids=["10000", "400-tls"]
)
async def test_every_watch_gets_every_event(
    count: int, secure: bool, record_property: pytest.RecordProperty
) -> None:
    with open_files(count + 500):
        async with running_cluster() as cluster:

            def as_admin(request: Request) -> Answer:
                request.user = ADMIN
                answer = cluster.api.handle(request)
                assert isinstance(answer, (Response, Stream))
                return answer

            tls: ssl.SSLContext | None = server_ssl_context(cluster.api.pki) if secure else None
            server = await serve(as_admin, addresses=[("127.0.0.1", 0)], tls=tls)
            first = await ask(cluster, "POST", CONFIG_MAPS, config_map("first"))
            before = resident_kib()
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.fuzz.watchers", str(server.ports[0]), str(count)),
                first.body["metadata"]["resourceVersion"],
                *([str(cluster.api.pki.ca_certificate)] if secure else []),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                cwd=ROOT,
            )
            try:
                assert process.stdin is not None
                assert process.stdout is not None
                assert await process.stdout.readline() == b"watching\n"
                assert server.connections == count
                assert await long_running(cluster) == count
                each = (resident_kib() - before) / count
                for number in range(EVENTS - 1):
                    await ask(cluster, "POST", CONFIG_MAPS, config_map(f"c{number}"))
                await ask(cluster, "POST", CONFIG_MAPS, config_map("last"))
                assert await process.stdout.readline() == b"received\n"
                fewest, most, spread = json.loads(await process.stdout.readline())
                assert (fewest, most) == (EVENTS, EVENTS)
                record_property("kib_each", round(each, 1))
                record_property("spread_ms", round(spread * 1000))
                print(f"{count} watches: {each:.1f} KiB each, served within {spread:.3f} s")
                assert each < (KIB_EACH_TLS if secure else KIB_EACH)
                process.stdin.close()
                await process.wait()
                async with asyncio.timeout(30):
                    while server.connections:
                        await asyncio.sleep(0.01)
                assert await long_running(cluster) == 0
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()
                await server.close(grace=1)
