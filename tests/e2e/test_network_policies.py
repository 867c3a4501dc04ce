"""NetworkPolicy with real packets."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from grappe.network import netns, slots
from grappe.network.nft import Nft
from grappe.network.policies import enforcer as module
from grappe.network.policies.enforcer import PolicyEnforcer
from grappe.network.services import ruleset as services
from tests.e2e.network_lab import Collection, Lab, Pod, call_tcp, call_udp, in_thread, lab

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="needs root and nft"),
]

LABELLED = {"podSelector": {"matchLabels": {"app": "client"}}}


class Node:
    """Pods `web` (a), `client` (a) and `stranger` (b), all listening on 80 and 81."""

    def __init__(self, lab: Lab, cluster: Collection, enforcer: PolicyEnforcer, nft: Nft) -> None:
        self.lab, self.cluster, self.enforcer, self.nft = lab, cluster, enforcer, nft
        for name, team in (("a", "one"), ("b", "two")):
            labels = {"team": team}
            cluster.put({"kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        self.web = self.add("web", 10, "a")
        self.client = self.add("client", 11, "a")
        self.stranger = self.add("stranger", 12, "b")

    def add(self, name: str, last: int, namespace: str) -> Pod:
        pod = self.lab.pod(name, last).serve(80).serve(81)
        ports = [{"name": "http", "containerPort": 80}]
        self.cluster.put(
            {
                "kind": "Pod",
                "metadata": {"namespace": namespace, "name": name, "labels": {"app": name}},
                "spec": {"containers": [{"ports": ports}]},
                "status": {"podIP": pod.ip, "phase": "Running"},
            }
        )
        return pod

    async def policy(self, name: str = "p", **spec: Any) -> dict[str, Any]:
        made = {
            "kind": "NetworkPolicy",
            "metadata": {"namespace": "a", "name": name},
            "spec": {"podSelector": {"matchLabels": {"app": "web"}}, **spec},
        }
        self.cluster.put(made)
        await self.settled()
        return made

    async def settled(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        await asyncio.wait_for(self.enforcer.enforced.wait(), 10)

    async def reaches(self, one: int, other: str, port: int = 80, *, udp: bool = False) -> bool:
        try:
            await in_thread(call_udp if udp else call_tcp, one, other, port, timeout=0.6)
        except TimeoutError:
            return False
        return True

    async def reaching_web(self, port: int = 80) -> set[str]:
        everyone = {"client": self.client.fd, "stranger": self.stranger.fd}
        return {name for name, fd in everyone.items() if await self.reaches(fd, self.web.ip, port)}


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    monkeypatch.setattr(slots, "SLOTS_DIR", tmp_path / "slots")
    monkeypatch.setattr(module, "VERIFY_SECONDS", 0.05)
    with lab(tmp_path) as made:
        cluster = Collection()
        nft = Nft()
        # The services' table is always there, and with it the tracking of connections.
        nft.run_apart(services.whole({}, service_cidr=made.config.service_cidr, own_addresses=()))
        machine = (made.config.node_ip, made.config.host_ip)
        enforcer = PolicyEnforcer(cluster, machine=machine, nft=nft)  # type: ignore[arg-type]
        running = asyncio.create_task(enforcer.run())
        try:
            yield Node(made, cluster, enforcer, nft)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            nft.close()


async def test_without_a_policy_everyone_reaches_everyone(node: Node) -> None:
    assert await node.reaching_web() == {"client", "stranger"}


async def test_a_selected_pod_is_reached_by_nobody_until_the_policy_goes(node: Node) -> None:
    policy = await node.policy()
    assert await node.reaching_web() == set()
    assert await node.reaches(node.web.fd, node.client.ip)
    assert await node.reaches(node.client.fd, node.stranger.ip)
    node.cluster.delete(policy)
    await node.settled()
    assert await node.reaching_web() == {"client", "stranger"}
    assert "grappe-policies" not in node.nft.run("list tables")


async def test_the_node_and_the_machine_reach_isolated_pods(node: Node) -> None:
    await node.policy()
    assert await node.reaches(node.lab.node_fd, node.web.ip)
    assert await node.reaches(node.lab.host_fd, node.web.ip)


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        (LABELLED, {"client"}),
        ({"podSelector": {}}, {"client"}),
        ({"namespaceSelector": {"matchLabels": {"team": "two"}}}, {"stranger"}),
        ({"namespaceSelector": {}}, {"client", "stranger"}),
        ({"namespaceSelector": {}, **LABELLED}, {"client"}),
        ({"ipBlock": {"cidr": "10.243.0.0/24", "except": ["10.243.0.12/32"]}}, {"client"}),
    ],
    ids=["pods", "own namespace", "a namespace", "all", "pods of all", "addresses"],
)
async def test_ingress_is_allowed_from_the_peers_named(
    node: Node, peer: dict[str, Any], expected: set[str]
) -> None:
    await node.policy(ingress=[{"from": [peer]}])
    assert await node.reaching_web() == expected


@pytest.mark.parametrize(
    "port", [{"port": 80}, {"port": "http"}, {"port": 79, "endPort": 80}], ids=str
)
async def test_ingress_is_allowed_to_the_ports_named(node: Node, port: dict[str, Any]) -> None:
    await node.policy(ingress=[{"ports": [port]}])
    assert await node.reaching_web(80) == {"client", "stranger"}
    assert await node.reaching_web(81) == set()
    assert not await node.reaches(node.client.fd, node.web.ip, 80, udp=True)


async def test_policies_add_up(node: Node) -> None:
    await node.policy("one", ingress=[{"from": [LABELLED], "ports": [{"port": 80}]}])
    await node.policy("two", ingress=[{"ports": [{"port": 81}]}])
    assert await node.reaching_web(80) == {"client"}
    assert await node.reaching_web(81) == {"client", "stranger"}


async def test_egress_is_kept_to_the_peers_named(node: Node) -> None:
    client = {"podSelector": {"matchLabels": {"app": "client"}}}
    await node.policy(policyTypes=["Egress"], egress=[{"to": [client]}])
    assert await node.reaches(node.web.fd, node.client.ip)
    assert not await node.reaches(node.web.fd, node.stranger.ip)
    assert await node.reaching_web() == {"client", "stranger"}


async def test_both_ends_must_allow(node: Node) -> None:
    await node.policy("in", ingress=[{"from": [LABELLED]}])
    await node.policy(
        "out",
        podSelector={"matchLabels": {"app": "client"}},
        policyTypes=["Egress"],
        egress=[{"ports": [{"port": 81}]}],
    )
    assert await node.reaching_web(81) == {"client"}
    assert await node.reaching_web(80) == set()


async def test_a_pod_that_starts_later_is_a_peer_at_once(node: Node) -> None:
    await node.policy(ingress=[{"from": [{"podSelector": {}}]}])
    late = node.add("late", 13, "a")
    await node.settled()
    assert await node.reaches(late.fd, node.web.ip)
    another = node.add("other", 14, "b")
    await node.settled()
    assert not await node.reaches(another.fd, node.web.ip)


async def test_connections_from_before_live_on(node: Node) -> None:
    with netns.socket_in(node.client.fd, socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.settimeout(3)
        sock.connect((node.web.ip, 80))
        assert sock.recv(100).startswith(b"web")
        await node.policy()
        sock.sendall(b"still here")
        assert sock.recv(100) == b"still here"


async def test_what_others_break_is_mended(node: Node) -> None:
    await node.policy()
    other = Nft()
    other.run("flush ruleset")
    other.close()
    async with asyncio.timeout(10):
        while await node.reaches(node.client.fd, node.web.ip):
            await asyncio.sleep(0.01)
