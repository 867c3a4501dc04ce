"""The whole network agent against a real API server, with a node's rights."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import dnslib
import pytest

from grappe.api.resources import ENDPOINT_SLICES, EVENTS, PODS, SERVICES, builtin
from grappe.apiserver.http.messages import User
from grappe.network import agent, egress, netns, slots
from grappe.testing.cluster import TestCluster, running_cluster
from tests.e2e.network_lab import Lab, call_tcp, in_thread
from tests.network_objects import endpoint_slice

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="needs root and nft"),
]

WEB = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "default"},
    "spec": {"type": "NodePort", "ports": [{"port": 80, "targetPort": 8080}]},
}


class Node:
    def __init__(self, lab: Lab, cluster: TestCluster) -> None:
        self.lab, self.cluster, self.client = lab, cluster, cluster.client

    async def until_answered(self, fd: int, address: str, port: int) -> str:
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(OSError):
                    return await in_thread(call_tcp, fd, address, port, timeout=0.5)
                await asyncio.sleep(0.01)

    async def resolve(self, fd: int, name: str) -> list[str]:
        loop = asyncio.get_running_loop()
        with netns.socket_in(fd, socket.AF_INET, socket.SOCK_DGRAM) as sock:
            await loop.sock_connect(sock, (self.lab.config.dns_ip, 53))
            await loop.sock_sendall(sock, bytes(dnslib.DNSRecord.question(name).pack()))
            answer = await asyncio.wait_for(loop.sock_recv(sock, 1500), 5)
        return [str(record.rdata) for record in dnslib.DNSRecord.parse(answer).rr]


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    monkeypatch.setattr(slots, "SLOTS_DIR", tmp_path / "slots")
    monkeypatch.setenv(egress.SWITCH, "off")
    async with running_cluster() as cluster:
        lab = Lab(tmp_path, slot=cluster.config.slot)
        groups = ("system:nodes", "grappe:node-network", "system:authenticated")
        me = User(f"system:node:{lab.config.node_name}", groups)
        running = asyncio.create_task(
            agent.run(cluster.client_of(me), lab.config, lab.host_fd, resolv_conf=tmp_path / "none")
        )
        try:
            yield Node(lab, cluster)
        finally:
            assert not running.done(), running
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            lab.close()


async def test_a_service_made_by_a_user_is_reached_by_name_and_on_localhost(node: Node) -> None:
    pod = node.lab.pod("web", 10).serve(8080)
    client = node.lab.pod("client", 11)
    web = await node.client.create(SERVICES, WEB)
    await node.client.create(ENDPOINT_SLICES, endpoint_slice("web", [pod.ip]))
    node_port = web["spec"]["ports"][0]["nodePort"]
    await node.until_answered(node.lab.host_fd, "127.0.0.1", node_port)
    [address] = await node.resolve(client.fd, "web.default.svc.cluster.local")
    assert address == web["spec"]["clusterIP"]
    assert await node.until_answered(client.fd, address, 80) == f"web {client.ip}"
    await node.client.delete(SERVICES, "web", "default")
    async with asyncio.timeout(10):
        while await node.resolve(client.fd, "web.default.svc.cluster.local"):
            await asyncio.sleep(0.01)


async def test_every_cluster_has_the_names_of_its_own_services(node: Node) -> None:
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(OSError):
                api = await node.resolve(node.lab.host_fd, "kubernetes.default.svc.cluster.local")
                if api:
                    break
            await asyncio.sleep(0.01)
    assert api == [node.lab.config.api_service_ip]
    dns = await node.resolve(node.lab.host_fd, "kube-dns.kube-system.svc.cluster.local")
    assert dns == [node.lab.config.dns_ip]


async def test_a_taken_port_becomes_an_event_on_the_service(node: Node) -> None:
    with netns.socket_in(node.lab.host_fd, socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind(("127.0.0.1", 30080))
        other.listen()
        taken: dict[str, Any] = {**WEB, "spec": {**WEB["spec"]}}  # type: ignore[dict-item]
        taken["spec"]["ports"] = [{"port": 80, "nodePort": 30080}]
        await node.client.create(SERVICES, taken)
        async with asyncio.timeout(10):
            while True:
                found = await node.client.list(
                    EVENTS, "default", field_selector="reason=PortConflict"
                )
                if found.items:
                    break
                await asyncio.sleep(0.01)
    [event] = found.items
    assert event["involvedObject"]["name"] == "web"
    assert "is held by" in event["message"]


async def test_a_network_policy_isolates_a_pod(node: Node) -> None:
    policies = builtin("networking.k8s.io", "v1", "networkpolicies")
    assert policies is not None
    web, client = node.lab.pod("web", 10).serve(8080), node.lab.pod("client", 11)
    made = await node.client.create(
        PODS,
        {
            "metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web"}]},
        },
    )
    made["status"] = {"podIP": web.ip, "podIPs": [{"ip": web.ip}], "phase": "Running"}
    await node.client.update(PODS, made, subresource="status")
    # The services' table, and with it the tracking of connections, comes first.
    await node.client.create(SERVICES, WEB)
    await node.client.create(ENDPOINT_SLICES, endpoint_slice("web", [web.ip]))
    service = await node.client.get(SERVICES, "web", "default")
    await node.until_answered(client.fd, service["spec"]["clusterIP"], 80)
    await node.client.create(
        policies,
        {
            "metadata": {"name": "deny", "namespace": "default"},
            "spec": {"podSelector": {"matchLabels": {"app": "web"}}},
        },
    )
    async with asyncio.timeout(10):
        while True:
            try:
                await in_thread(call_tcp, client.fd, web.ip, 8080, timeout=0.3)
            except TimeoutError:
                break
    await node.client.delete(policies, "deny", "default")
    await node.until_answered(client.fd, web.ip, 8080)


async def test_a_load_balancer_gets_the_nodes_address_and_answers_on_localhost(
    node: Node,
) -> None:
    pod = node.lab.pod("web", 10).serve(8080)
    balancer = {**WEB, "spec": {"type": "LoadBalancer", "ports": [{"port": 8888}]}}
    await node.client.create(SERVICES, balancer)
    await node.client.create(ENDPOINT_SLICES, endpoint_slice("web", [pod.ip]))
    address = node.lab.config.node_ip
    await node.until_answered(node.lab.host_fd, address, 8888)
    await node.until_answered(node.lab.host_fd, "127.0.0.1", 8888)
    with pytest.raises(ConnectionRefusedError):  # but not swallowed: others may listen here
        await in_thread(call_tcp, node.lab.node_fd, address, 8889)
    web = await node.client.get(SERVICES, "web", "default")
    assert web["status"]["loadBalancer"] == {"ingress": [{"ip": address, "ipMode": "VIP"}]}
    await node.client.patch(SERVICES, "web", {"spec": {"type": "ClusterIP"}}, "default")
    async with asyncio.timeout(10):
        while True:
            web = await node.client.get(SERVICES, "web", "default")
            if not web["status"]["loadBalancer"]:
                break
            await asyncio.sleep(0.01)
        while True:
            try:
                await in_thread(call_tcp, node.lab.host_fd, "127.0.0.1", 8888)
            except ConnectionRefusedError:
                break
            except OSError:
                continue
