"""The way out, to an outside that is a namespace of the test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from grappe.network import egress, iproute, namespace, netns, slots
from grappe.network.nft import Nft
from grappe.network.services import ruleset
from tests.e2e.network_lab import Lab, call_tcp, in_thread

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        os.geteuid() != 0 or not egress.available(), reason="needs root and slirp4netns"
    ),
]

SERVER = "198.51.100.7"


class Outside:
    """Another machine: a namespace with a web server, on a cable from the lab's host."""

    def __init__(self, lab: Lab) -> None:
        self.name = f"{lab.prefix}-outside"
        self.seen: list[str] = []
        netns.create(self.name)
        self.fd = netns.open_named(self.name)
        iproute.batch(
            [
                f"link add eth0 type veth peer name eth0 netns {self.name}",
                "address add 198.51.100.2/24 dev eth0",
                "link set eth0 up",
                "route add default via 198.51.100.1",
            ],
            fd=lab.host_fd,
        )
        iproute.batch(
            [
                f"address add {SERVER}/24 dev eth0",
                "address add 198.51.100.1/24 dev eth0",
                "link set lo up",
                "link set eth0 up",
            ],
            fd=self.fd,
        )
        self._sock = netns.socket_in(self.fd, socket.AF_INET, socket.SOCK_STREAM)
        self._sock.setblocking(True)
        self._sock.bind((SERVER, 80))
        self._sock.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, client = self._sock.accept()
                self.seen.append(client[0])
                with connection:
                    connection.sendall(b"outside\n")

    def close(self) -> None:
        self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._sock.close()
        os.close(self.fd)
        netns.delete(self.name)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr(slots, "SLOTS_DIR", tmp_path / "slots")
    monkeypatch.delenv(egress.SWITCH, raising=False)
    made = Lab(tmp_path)
    nft = Nft()
    nft.run_apart(ruleset.whole({}, service_cidr=made.config.service_cidr, own_addresses=()))
    try:
        yield made
    finally:
        nft.close()
        made.close()


@pytest.fixture
def outside(lab: Lab) -> Iterator[Outside]:
    made = Outside(lab)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
async def way_out(lab: Lab) -> AsyncIterator[int]:
    """The pid of the running program."""
    keeping = asyncio.create_task(egress.run(lab.config, lab.host_fd))
    try:
        yield await until_running(lab)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        egress.stop(lab.config)


async def until_running(lab: Lab, *, other_than: int = 0) -> int:
    async with asyncio.timeout(10):
        while True:
            pid = egress.running(lab.config)
            if pid not in (None, other_than) and has_default_route(lab):
                assert pid is not None
                return pid
            await asyncio.sleep(0.01)


def has_default_route(lab: Lab) -> bool:
    return bool(iproute.show("-4 route show default", fd=lab.node_fd))


async def test_pods_reach_the_outside_as_the_host_does(
    lab: Lab, outside: Outside, way_out: int
) -> None:
    pod = lab.pod("client", 9)
    assert await in_thread(call_tcp, pod.fd, SERVER, 80) == "outside"
    assert outside.seen == ["198.51.100.2"]


async def test_without_it_nothing_gets_out(lab: Lab, outside: Outside) -> None:
    pod = lab.pod("client", 9)
    with pytest.raises(OSError, match=r"unreachable|No route"):
        await in_thread(call_tcp, pod.fd, SERVER, 80)
    assert not has_default_route(lab)


async def test_the_hosts_loopback_is_not_reached(lab: Lab, way_out: int) -> None:
    with netns.socket_in(lab.host_fd, socket.AF_INET, socket.SOCK_STREAM) as private:
        private.bind(("127.0.0.1", 0))
        private.listen()
        port = private.getsockname()[1]
        pod = lab.pod("client", 9)
        gateway = iproute.show("-4 route show default", fd=lab.node_fd)[0]["gateway"]
        with pytest.raises(OSError):
            await in_thread(call_tcp, pod.fd, gateway, port, timeout=0.5)


async def test_addresses_of_the_cluster_do_not_take_it(
    lab: Lab, outside: Outside, way_out: int
) -> None:
    """Neither a pod that is not there nor a Service that is not."""
    pod = lab.pod("client", 9)
    for address in ("10.243.0.77", "10.97.0.77"):
        with pytest.raises(OSError):
            await in_thread(call_tcp, pod.fd, address, 80, timeout=0.5)
    # Nothing but the server's own address was looked for on the cable.
    assert outside.seen == []
    for cidr in (lab.config.pod_cidr, lab.config.service_cidr):
        [route] = iproute.show(f"-4 route show {cidr}", fd=lab.node_fd)
        assert route.get("dev") != egress.LINK


async def test_it_can_be_switched_off(
    lab: Lab, way_out: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(egress.SWITCH, "off")
    another = asyncio.create_task(egress.run(lab.config, lab.host_fd))
    async with asyncio.timeout(10):
        while has_default_route(lab):
            await asyncio.sleep(0.01)
    another.cancel()
    await asyncio.gather(another, return_exceptions=True)


async def test_it_is_found_again_by_the_next_agent(lab: Lab, way_out: int) -> None:
    another = asyncio.create_task(egress.run(lab.config, lab.host_fd))
    await asyncio.sleep(0.1)
    assert egress.running(lab.config) == way_out
    another.cancel()
    await asyncio.gather(another, return_exceptions=True)
    assert egress.running(lab.config) == way_out


async def test_it_is_started_again_when_it_dies(
    lab: Lab, outside: Outside, way_out: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.kill(way_out, signal.SIGKILL)
    await until_running(lab, other_than=way_out)
    pod = lab.pod("client", 9)
    assert await in_thread(call_tcp, pod.fd, SERVER, 80) == "outside"


async def test_deleting_the_namespace_ends_it(lab: Lab) -> None:
    pid = egress.start(lab.config, lab.host_fd)
    assert os.path.exists(f"/proc/{pid}")
    with netns.inside(lab.host_fd):
        namespace.delete(lab.config)
    assert egress.running(lab.config) is None
    assert not os.path.exists(f"/proc/{pid}")


def test_a_failure_is_told_in_its_own_words(lab: Lab) -> None:
    iproute.batch(["link add egress0 type veth peer name egress1"], fd=lab.node_fd)
    with pytest.raises(OSError, match=r"\w"):
        egress.start(lab.config, lab.host_fd)
    assert egress.running(lab.config) is None


def test_the_pid_of_another_process_is_not_taken_for_it(lab: Lab) -> None:
    lab.config.run_dir.mkdir(parents=True, exist_ok=True)
    (lab.config.run_dir / "egress.pid").write_text(str(os.getpid()))
    assert egress.running(lab.config) is None
    egress.stop(lab.config)
