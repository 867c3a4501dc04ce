"""Probes: verdicts by thresholds, and one attempt of each handler."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.node.pods.spec import Declared
from grappe.node.probes.handlers import attempt
from grappe.node.probes.prober import Prober
from grappe.node.probes.threshold import Settings, Verdict, early_delays
from grappe.node.runtime.interface import ContainerStatus, ExecResult

CONTAINER = ContainerStatus(
    *("id", "sandbox", "c", 0, "running", 0.0, 0.0, 0.0, 0, "", "", "", "", "", {}, {})
)
SETTINGS = Settings.of({"successThreshold": 2, "failureThreshold": 3})


@given(st.lists(st.booleans(), max_size=30), st.booleans())
def test_a_verdict_changes_only_after_enough_equal_results(
    results: list[bool], first: bool
) -> None:
    verdict = Verdict(SETTINGS, first)
    for number, result in enumerate(results):
        before = verdict.good
        verdict.take(result)
        if verdict.good != before:
            needed = 2 if result else 3
            assert results[number - needed + 1 : number + 1] == [result] * needed


def test_defaults_are_the_apis() -> None:
    assert Settings.of({}) == Settings(0, 10, 1, 1, 3)


@given(st.floats(1, 600))
def test_early_attempts_stay_within_the_first_period(period: float) -> None:
    delays = early_delays(Settings(0, period, 1, 1, 3))
    assert sum(delays) < period
    assert len(delays) <= 8


@asynccontextmanager
async def http_server(answer: bytes) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class Exec:
    def __init__(self, code: int, *, slow: bool = False) -> None:
        self._code, self._slow = code, slow

    async def exec_sync(self, container_id: str, command: list[str], timeout: float) -> ExecResult:
        if self._slow:
            raise TimeoutError
        return ExecResult(self._code, b"out", b"err")


async def probe(handler: dict[str, object], runtime: object = None) -> tuple[bool, str]:
    container = {"ports": [{"name": "web", "containerPort": 1}]}
    found = await attempt(runtime, "id", container, handler, "127.0.0.1", 1.0)  # type: ignore[arg-type]
    return found.ok, found.message


@pytest.mark.parametrize(("status", "ok"), [(200, True), (302, True), (404, False), (500, False)])
async def test_http_statuses(status: int, ok: bool) -> None:
    async with http_server(f"HTTP/1.1 {status} X\r\n\r\n".encode()) as port:
        message = "" if ok else f"HTTP probe failed with statuscode: {status}"
        assert await probe({"httpGet": {"port": port, "path": "/x"}}) == (ok, message)


async def test_a_refused_connection_is_told_as_the_kubelet_does() -> None:
    async with http_server(b"") as port:
        pass
    ok, message = await probe({"httpGet": {"port": port, "path": "healthz"}})
    assert not ok
    assert message == (
        f'Get "http://127.0.0.1:{port}/healthz": dial tcp 127.0.0.1:{port}: connect: '
        "connection refused"
    )
    assert await probe({"tcpSocket": {"port": port}}) == (
        False,
        f"dial tcp 127.0.0.1:{port}: connect: connection refused",
    )


async def test_a_server_that_says_nothing_or_nonsense_fails() -> None:
    async with http_server(b"") as port:
        assert not (await probe({"httpGet": {"port": port}}))[0]
    async with http_server(b"\xff\xff\r\n") as port:
        assert not (await probe({"httpGet": {"port": port}}))[0]


async def test_tcp_succeeds_when_someone_listens() -> None:
    async with http_server(b"") as port:
        assert await probe({"tcpSocket": {"port": port}}) == (True, "")


async def test_exec_succeeds_by_its_exit_code() -> None:
    handler = {"exec": {"command": ["x", "y"]}}
    assert await probe(handler, Exec(0)) == (True, "outerr")
    assert await probe(handler, Exec(1)) == (False, "outerr")
    assert await probe(handler, Exec(0, slow=True)) == (
        False,
        'command timed out: "x y" timed out after 1s',
    )


async def test_a_named_port_that_is_not_there_is_told() -> None:
    assert await probe({"tcpSocket": {"port": "nope"}}) == (False, "couldn't find port: nope")


class Counting:
    """A runtime whose containers answer probes as the test says."""

    def __init__(self) -> None:
        self.answer = False
        self.asked = 0

    def network_probe(self, container_id: str, probe: str) -> bool:
        self.asked += 1
        return self.answer


async def test_a_container_becomes_ready_long_before_its_first_period_ends() -> None:
    runtime, told, changes = Counting(), [], asyncio.Event()
    prober = Prober(runtime, changes.set, lambda *event: told.append(event))  # type: ignore[arg-type]
    declared = Declared("main", {"name": "c", "readinessProbe": {"periodSeconds": 600}})
    prober.watch(declared, CONTAINER, "127.0.0.1", started=False, ready=False)
    async with asyncio.timeout(5):
        while runtime.asked < 2:
            await asyncio.sleep(0.01)
        assert not prober.is_ready(declared, CONTAINER.id)
        runtime.answer = True
        await changes.wait()
    assert prober.is_ready(declared, CONTAINER.id)
    assert told == []  # what failed early was no failure
    await prober.close()


async def test_liveness_waits_for_startup_and_then_reports_its_failures() -> None:
    runtime, told, changes = Counting(), [], asyncio.Event()
    prober = Prober(runtime, changes.set, lambda *event: told.append(event))  # type: ignore[arg-type]
    probe = {"periodSeconds": 1, "failureThreshold": 1}
    declared = Declared(
        "main", {"name": "c", "livenessProbe": probe, "startupProbe": {"periodSeconds": 1}}
    )
    prober.watch(declared, CONTAINER, "127.0.0.1", started=False, ready=False)
    async with asyncio.timeout(5):
        while runtime.asked < 2:
            await asyncio.sleep(0.01)
        assert prober.failed == {}
        runtime.answer = True
        await changes.wait()
        assert prober.is_started(declared, CONTAINER.id)
        runtime.answer = False
        while not prober.failed:
            changes.clear()
            await changes.wait()
    assert prober.failed == {CONTAINER.id: "liveness"}
    assert told[0][1:] == ("Unhealthy", "Liveness probe failed: the simulation says so")
    prober.keep(set())
    assert prober.failed == {}
    await prober.close()
