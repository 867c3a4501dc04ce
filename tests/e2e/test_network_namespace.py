"""The node's namespace and link, made on a host that is itself a namespace of the test."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from grappe.base.config import ClusterConfig
from grappe.network import iproute, namespace, netns, slots, upkeep
from grappe.testing.host_snapshot import diff, snapshot

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip"), reason="needs root and ip"),
]


def routes() -> list[dict[str, Any]]:
    """The routes without their flags: a link that was just set up is "linkdown" for a moment."""
    return [{**route, "flags": []} for route in iproute.show("-4 route show")]


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A pretended host with a network card and a default route; the test runs inside."""
    monkeypatch.setattr(slots, "SLOTS_DIR", tmp_path / "run" / "grappe" / "slots")
    (tmp_path / "run").mkdir()
    name = f"e2e-host-{os.getpid()}"
    netns.create(name)
    fd = netns.open_named(name)
    with netns.inside(fd):
        iproute.batch(
            [
                "link set lo up",
                "link add eth0 type veth peer name cable",
                "address add 192.0.2.2/24 dev eth0",
                "link set eth0 up",
                "link set cable up",
                "route add default via 192.0.2.1",
            ]
        )
        yield name
    os.close(fd)
    netns.delete(name)


@pytest.fixture
def config(tmp_path: Path) -> Iterator[ClusterConfig]:
    config = ClusterConfig(name=f"e2e{os.getpid()}", data_dir=tmp_path, port=0, slot=2)
    yield config
    namespace.delete(config)


def test_delete_leaves_the_host_as_it_was(host: str, config: ClusterConfig, tmp_path: Path) -> None:
    before = snapshot([tmp_path])
    namespace.ensure(config)
    during = diff(before, snapshot([tmp_path]))
    assert f"netns: {config.netns}" in during.added
    assert f"link: grappe2h {config.host_ip}" in during.added
    namespace.delete(config)
    namespace.delete(config)
    after = diff(before, snapshot([tmp_path]))
    # Links, routes and the like are this test's own; the rest it shares with others that run now.
    own = ("link: ", "route: ", "rule: ", "sysctl: ", "nftables: ", str(tmp_path), config.name)
    assert not after.belonging_to(own)


def test_host_and_node_reach_each_other(host: str, config: ClusterConfig) -> None:
    network = namespace.ensure(config)
    assert namespace.problems(config) == []
    done = subprocess.run(["ip", "route", "get", config.dns_ip], capture_output=True, text=True)
    assert f"via {config.node_ip} dev {network.host_link}" in done.stdout


@pytest.mark.parametrize(
    "damage",
    [
        ["link delete grappe2h"],
        ["address flush dev grappe2h"],
        ["link set grappe2h down"],
        ["route delete 10.98.0.0/16 via 10.95.2.2"],
        ["link delete grappe2h", "link add grappe2h type veth peer name grappe2x"],
        ["route delete unreachable 10.98.0.0/16"],
    ],
    ids=lambda damage: damage[-1],
)
def test_ensure_mends_what_is_damaged(host: str, config: ClusterConfig, damage: list[str]) -> None:
    namespace.ensure(config)
    whole = routes()
    iproute.batch(damage)
    assert routes() != whole
    assert namespace.damages(config) != []
    namespace.ensure(config)
    assert namespace.problems(config) == []
    assert routes() == whole


@pytest.mark.parametrize(
    "damage",
    ["link delete grappe2h", "route flush dev grappe2h", "route flush type unreachable"],
)
async def test_what_others_remove_is_mended(
    host: str, config: ClusterConfig, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "QUIET_SECONDS", 0.01)
    namespace.ensure(config)
    host_fd, node_fd = netns.open_current(), netns.open_named(config.netns)
    with netns.inside(node_fd):  # where the node process is
        keeping = asyncio.create_task(upkeep.run(config, host_fd))
        await asyncio.sleep(0)
        with netns.inside(host_fd):
            iproute.batch([damage])
            assert namespace.damages(config) != []
        async with asyncio.timeout(10):
            while True:
                await asyncio.sleep(0.02)
                with netns.inside(host_fd):
                    if not namespace.problems(config):
                        break
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    os.close(host_fd)
    os.close(node_fd)


def test_ensure_continues_after_a_crash_at_any_command(
    host: str, config: ClusterConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every number of subprocesses before the crash, until ensure gets through."""
    real = subprocess.run
    for survivors in range(20):
        left = survivors

        def crashing(*args: object, **kwargs: object) -> object:
            nonlocal left
            if left == 0:
                raise KeyboardInterrupt
            left -= 1
            return real(*args, **kwargs)  # type: ignore[call-overload]

        monkeypatch.setattr(subprocess, "run", crashing)
        try:
            namespace.ensure(config)
        except KeyboardInterrupt:
            monkeypatch.setattr(subprocess, "run", real)
            namespace.ensure(config)
            assert namespace.problems(config) == []
            namespace.delete(config)
        else:
            monkeypatch.setattr(subprocess, "run", real)
            assert survivors > 3
            break
    else:
        pytest.fail("ensure never got through")


def test_a_name_left_without_a_namespace_is_replaced(host: str, config: ClusterConfig) -> None:
    netns.NETNS_DIR.mkdir(exist_ok=True)
    netns.path_of(config.netns).touch()
    assert not netns.exists(config.netns)
    namespace.ensure(config)
    assert netns.exists(config.netns)


def test_without_the_link_cluster_packets_do_not_follow_the_default_route(
    host: str, config: ClusterConfig
) -> None:
    namespace.ensure(config)
    iproute.batch(["link delete grappe2h"])
    for address in (config.dns_ip, config.node_ip, "10.242.7.7"):
        done = subprocess.run(["ip", "route", "get", address], capture_output=True, text=True)
        assert done.returncode != 0
        assert "No route to host" in done.stderr


def test_the_hosts_sysctls_are_not_the_nodes(host: str, config: ClusterConfig) -> None:
    forward = Path("/proc/sys/net/ipv4/ip_forward")
    before = forward.read_text()
    namespace.ensure(config)
    assert forward.read_text() == before
    fd = netns.open_named(config.netns)
    try:
        with netns.inside(fd):
            assert forward.read_text().strip() == "1"
    finally:
        os.close(fd)


def test_problems_name_what_is_missing(host: str, config: ClusterConfig) -> None:
    assert namespace.problems(config) == [f"network namespace {config.netns} does not exist"]
    namespace.ensure(config)
    iproute.batch(["link set grappe2h down"])
    assert "link grappe2h in the host is down" in namespace.problems(config)


def test_a_firewall_that_keeps_pods_from_the_machine_is_named(
    host: str, config: ClusterConfig
) -> None:
    namespace.ensure(config)
    assert namespace.problems(config) == []
    rules = "table ip f { chain i { type filter hook input priority 0; tcp dport 1 drop; }; }"
    subprocess.run(["nft", rules], check=True)
    [problem] = namespace.problems(config)
    assert "firewall drops what comes in on link grappe2h" in problem


def test_two_clusters_live_side_by_side(host: str, config: ClusterConfig, tmp_path: Path) -> None:
    other = ClusterConfig(name=f"{config.name}b", data_dir=tmp_path / "b", port=0, slot=3)
    before = routes()
    try:
        namespace.ensure(config)
        alone = routes()
        namespace.ensure(other)
        assert namespace.problems(config) == namespace.problems(other) == []
    finally:
        namespace.delete(other)
    assert routes() == alone
    assert namespace.problems(config) == []
    namespace.delete(config)
    assert routes() == before


def test_namespaces_are_made_and_removed_by_many_at_once() -> None:
    names = [f"e2e-many-{os.getpid()}-{number}" for number in range(4)]
    failures: list[BaseException] = []

    def churn(name: str) -> None:
        try:
            for _ in range(30):
                netns.create(name)
                assert netns.exists(name)
                netns.delete(name)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=churn, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert not any(netns.path_of(name).exists() for name in names)
