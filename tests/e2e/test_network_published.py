"""Node ports on the host's 127.0.0.1."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from grappe.api.resources import EVENTS, Resource
from grappe.network import agent, egress, netns, slots
from grappe.network.published import ports, relay
from tests.e2e.network_lab import Collection, Lab, call_tcp, call_udp, in_thread, lab
from tests.network_objects import endpoint_slice, service

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="needs root and nft"),
]

LOCAL = "127.0.0.1"
PORT = 30080


class Cluster(Collection):
    """Also takes events."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[dict[str, Any]] = []

    async def create(self, resource: Resource, obj: dict[str, Any], *_: Any, **__: Any) -> None:
        assert resource == EVENTS
        self.events.append(obj)


class Node:
    def __init__(self, lab: Lab, cluster: Cluster) -> None:
        self.lab, self.cluster = lab, cluster

    async def call(self, port: int = PORT) -> str:
        return await in_thread(call_tcp, self.lab.host_fd, LOCAL, port)

    async def until_answered(self, name: str, port: int = PORT) -> None:
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(OSError):
                    if (await self.call(port)).startswith(name):
                        return
                await asyncio.sleep(0.01)

    async def until_refused(self, port: int = PORT) -> None:
        async with asyncio.timeout(10):
            while True:
                try:
                    await self.call(port)
                except ConnectionRefusedError:
                    return
                except OSError:
                    continue  # accepted while the port was being closed

    async def connect(self, port: int = PORT) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        sock = netns.socket_in(self.lab.host_fd, socket.AF_INET, socket.SOCK_STREAM)
        await asyncio.get_running_loop().sock_connect(sock, (LOCAL, port))
        return await asyncio.open_connection(sock=sock)


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    monkeypatch.setattr(slots, "SLOTS_DIR", tmp_path / "slots")
    monkeypatch.setenv(egress.SWITCH, "off")
    monkeypatch.setattr(ports, "RETRY_SECONDS", 0.05)
    with lab(tmp_path) as made:
        cluster = Cluster()
        running = asyncio.create_task(
            agent.run(cluster, made.config, made.host_fd, resolv_conf=tmp_path / "none")  # type: ignore[arg-type]
        )
        try:
            yield Node(made, cluster)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


@pytest.fixture
async def web(node: Node) -> dict[str, Any]:
    """A published service with one pod."""
    pod = node.lab.pod("web", 10).serve(8080)
    made = service("web", "10.97.1.1", node_port=PORT)
    node.cluster.put(made)
    node.cluster.put(endpoint_slice("web", [pod.ip]))
    await node.until_answered("web")
    return made


async def test_a_node_port_answers_on_localhost_until_the_service_goes(
    node: Node, web: dict[str, Any]
) -> None:
    assert (await node.call()).startswith("web")
    node.cluster.delete(web)
    await node.until_refused()


async def test_a_changed_node_port_moves(node: Node, web: dict[str, Any]) -> None:
    node.cluster.put(service("web", "10.97.1.1", node_port=30081))
    await node.until_answered("web", 30081)
    await node.until_refused(PORT)


async def test_other_addresses_of_the_host_are_not_opened(node: Node, web: dict[str, Any]) -> None:
    with pytest.raises(ConnectionRefusedError):
        await in_thread(call_tcp, node.lab.host_fd, node.lab.config.host_ip, PORT)


async def test_megabytes_come_back_whole_and_half_closed_connections_end_in_order(
    node: Node, web: dict[str, Any]
) -> None:
    reader, writer = await node.connect()
    assert (await reader.readline()).startswith(b"web")
    sent = os.urandom(8 << 20)

    async def send() -> None:
        writer.write(sent)
        await writer.drain()
        writer.write_eof()

    sending = asyncio.create_task(send())
    assert await asyncio.wait_for(reader.read(-1), 30) == sent
    await sending
    writer.close()


async def test_a_client_that_does_not_read_does_not_fill_the_memory(
    node: Node, web: dict[str, Any]
) -> None:
    """The echo is written until everything between is full; then sending must stall."""
    reader, writer = await node.connect()
    await reader.readline()
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    chunk = b"x" * (1 << 20)
    accepted = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(2):
            while accepted < 256:
                writer.write(chunk)
                await writer.drain()
                accepted += 1
    assert accepted < 64
    writer.transport.abort()


async def test_requests_go_on_while_every_endpoint_is_replaced(
    node: Node, web: dict[str, Any]
) -> None:
    """Pods come, become endpoints, and stop only after they are none, as in a rolling update."""
    failures: list[OSError] = []
    answered: set[str] = set()
    stop = asyncio.Event()

    async def load() -> None:
        while not stop.is_set():
            try:
                answered.add((await node.call()).split()[0])
            except OSError as error:
                failures.append(error)

    clients = [asyncio.create_task(load()) for _ in range(4)]
    pods = [node.lab.pod("v1-0", 20).serve(8080), node.lab.pod("v1-1", 21).serve(8080)]
    for generation in range(2, 6):
        for number in range(2):
            new = node.lab.pod(f"v{generation}-{number}", generation * 10 + 20 + number)
            new.serve(8080)
            pods.append(new)
            old = pods.pop(0)
            node.cluster.put(endpoint_slice("web", [p.ip for p in pods]))
            await node.until_answered(new.name)
            old.stop_serving()
    stop.set()
    await asyncio.gather(*clients)
    assert failures == []
    assert {name.split("-")[0] for name in answered} >= {"v2", "v3", "v4", "v5"}


async def test_a_connection_waits_a_moment_for_an_endpoint(node: Node, web: dict[str, Any]) -> None:
    pod = node.lab.pod("late", 11).serve(8080)
    node.cluster.put(endpoint_slice("web", []))
    calling = asyncio.create_task(node.call())
    await asyncio.sleep(0)
    node.cluster.put(endpoint_slice("web", [pod.ip]))
    assert (await calling).split()[0] in ("late", "web")


async def test_without_any_endpoint_the_client_is_told_soon(
    node: Node, web: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "CONNECT_PATIENCE_SECONDS", 0.2)
    node.cluster.put(endpoint_slice("web", []))
    async with asyncio.timeout(10):
        while True:  # the first ones may still meet the last endpoint
            try:
                await node.call()
            except ConnectionError:
                return


async def test_a_taken_port_is_reported_once_on_the_service_and_taken_when_free(
    node: Node,
) -> None:
    pod = node.lab.pod("web", 10).serve(8080)
    with netns.socket_in(node.lab.host_fd, socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind((LOCAL, PORT))
        other.listen()
        node.cluster.put(service("web", "10.97.1.1", node_port=PORT))
        node.cluster.put(endpoint_slice("web", [pod.ip]))
        async with asyncio.timeout(10):
            while not node.cluster.events:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)  # several retries
        [event] = node.cluster.events
        assert (event["type"], event["reason"]) == ("Warning", "PortConflict")
        assert event["involvedObject"]["kind"] == "Service"
        assert f"port {PORT}/TCP of 127.0.0.1 is held by" in event["message"]
        assert f"(pid {os.getpid()})" in event["message"]
        assert f"{node.lab.config.node_ip}:{PORT}" in event["message"]
    await node.until_answered("web")


async def test_udp_node_ports_answer_on_localhost_too(node: Node) -> None:
    pod = node.lab.pod("dns", 10).serve(8080)
    node.cluster.put(service("dns", "10.97.1.1", node_port=30053, protocol="UDP"))
    node.cluster.put(endpoint_slice("dns", [pod.ip], protocol="UDP"))
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(OSError):
                answer = await in_thread(call_udp, node.lab.host_fd, LOCAL, 30053, timeout=0.3)
                assert answer.startswith("dns")
                return


async def test_a_host_port_answers_on_localhost(node: Node) -> None:
    pod = node.lab.pod("web", 10).serve(8080)
    node.cluster.put(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"namespace": "default", "name": "web"},
            "spec": {"containers": [{"ports": [{"containerPort": 8080, "hostPort": 8000}]}]},
            "status": {"podIP": pod.ip, "phase": "Running"},
        }
    )
    await node.until_answered("web", 8000)
