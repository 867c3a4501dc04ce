"""Services on a real kernel: nftables in a node's namespace, real sockets, real pods' links."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from grappe.network import netns, slots
from grappe.network.informers import Informers
from grappe.network.nft import Nft
from grappe.network.services.proxy import ServiceProxy
from grappe.network.services.render import NodeFacts
from tests.e2e.network_lab import Collection, Lab, call_tcp, call_udp, in_thread, lab
from tests.network_objects import endpoint_slice, service

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("nft"), reason="needs root and nft"),
]

VIP = "10.97.3.4"


class Node:
    """A lab with a running ServiceProxy."""

    def __init__(self, lab: Lab, cluster: Collection, proxy: ServiceProxy, nft: Nft) -> None:
        self.lab, self.cluster, self.proxy, self.nft = lab, cluster, proxy, nft

    async def put(self, *objects: dict) -> None:
        for obj in objects:
            self.cluster.put(obj)
        await self.settled()

    async def settled(self) -> None:
        """Events are handed over by the loop, then one transaction follows."""
        for _ in range(10):
            await asyncio.sleep(0)
        await asyncio.wait_for(self.proxy.programmed.wait(), 10)

    async def tcp(self, fd: int, address: str = VIP, port: int = 80) -> str:
        return await in_thread(call_tcp, fd, address, port)

    async def names(self, fd: int, count: int, address: str = VIP, port: int = 80) -> Counter[str]:
        answers = [await self.tcp(fd, address, port) for _ in range(count)]
        return Counter(answer.split()[0] for answer in answers)


@pytest.fixture
async def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    monkeypatch.setattr(slots, "SLOTS_DIR", tmp_path / "slots")
    with lab(tmp_path) as made:
        cluster = Collection()
        informers = Informers(cluster, made.config.node_name)  # type: ignore[arg-type]
        nft = Nft()
        proxy = ServiceProxy(
            informers.services,
            informers.slices,
            informers.host_port_pods,
            node=NodeFacts(made.config.node_name, made.config.node_ip, frozenset({"10.97.0.10"})),
            service_cidr=made.config.service_cidr,
            nft=nft,
        )
        tasks = [asyncio.create_task(informers.run()), asyncio.create_task(proxy.run())]
        await asyncio.wait_for(proxy.programmed.wait(), 10)
        try:
            yield Node(made, cluster, proxy, nft)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            nft.close()


async def test_connections_spread_over_the_endpoints_from_pod_host_and_node(node: Node) -> None:
    pods = [node.lab.pod(f"p{i}", 10 + i).serve(8080) for i in range(4)]
    await node.put(service("web", VIP), endpoint_slice("web", [p.ip for p in pods]))
    client = node.lab.pod("client", 9)
    for fd in (client.fd, node.lab.host_fd, node.lab.node_fd):
        counts = await node.names(fd, 80)
        assert set(counts) == {"p0", "p1", "p2", "p3"}
        assert max(counts.values()) < 45


async def test_pods_see_the_clients_own_address(node: Node) -> None:
    pod = node.lab.pod("web", 10).serve(8080)
    client = node.lab.pod("client", 9)
    await node.put(service("web", VIP, node_port=30080), endpoint_slice("web", [pod.ip]))
    assert await node.tcp(client.fd) == f"web {client.ip}"
    assert await node.tcp(node.lab.host_fd) == f"web {node.lab.config.host_ip}"
    node_port = await node.tcp(node.lab.host_fd, node.lab.config.node_ip, 30080)
    assert node_port == f"web {node.lab.config.host_ip}"


async def test_udp_is_balanced_too(node: Node) -> None:
    pods = [node.lab.pod(f"p{i}", 10 + i).serve(8080) for i in range(2)]
    await node.put(
        service("dns", VIP, port=53, protocol="UDP"),
        endpoint_slice("dns", [p.ip for p in pods], protocol="UDP"),
    )
    answers = {(await in_thread(call_udp, node.lab.host_fd, VIP, 53)).split()[0] for _ in range(30)}
    assert answers == {"p0", "p1"}


async def test_a_node_port_is_reached_at_the_nodes_address(node: Node) -> None:
    pods = [node.lab.pod(f"p{i}", 10 + i).serve(8080) for i in range(2)]
    await node.put(
        service("web", VIP, node_port=30080), endpoint_slice("web", [p.ip for p in pods])
    )
    client = node.lab.pod("client", 9)
    for fd in (client.fd, node.lab.host_fd, node.lab.node_fd):
        assert set(await node.names(fd, 30, node.lab.config.node_ip, 30080)) == {"p0", "p1"}


async def test_a_pod_reaches_itself_through_its_own_service(node: Node) -> None:
    pod = node.lab.pod("web", 10).serve(8080)
    await node.put(service("web", VIP), endpoint_slice("web", [pod.ip]))
    assert await node.tcp(pod.fd) == f"web {node.lab.gateway}"


async def test_an_endpoint_on_the_host_is_reached_from_pods_and_the_host(node: Node) -> None:
    """As the API server's is, behind `kubernetes.default`."""
    config = node.lab.config
    listener = netns.socket_in(node.lab.host_fd, socket.AF_INET, socket.SOCK_STREAM)
    with listener:
        listener.bind((config.host_ip, 0))
        listener.listen()
        port = listener.getsockname()[1]
        await node.put(
            service("kubernetes", config.api_service_ip, port=443),
            endpoint_slice("kubernetes", [config.host_ip], port=port),
        )
        client = node.lab.pod("client", 9)
        for fd in (client.fd, node.lab.host_fd, node.lab.node_fd):
            calling = asyncio.create_task(node.tcp(fd, config.api_service_ip, 443))
            connection, _ = await asyncio.get_running_loop().sock_accept(listener)
            with connection:
                connection.send(b"api\n")
            assert await calling == "api"


async def test_a_service_without_endpoints_refuses_at_once(node: Node) -> None:
    await node.put(service("web", VIP, node_port=30080), endpoint_slice("web", []))
    client = node.lab.pod("client", 9)
    for fd in (client.fd, node.lab.host_fd, node.lab.node_fd):
        for address, port in ((VIP, 80), (VIP, 81), ("10.97.9.9", 80)):
            with pytest.raises(ConnectionRefusedError):
                await node.tcp(fd, address, port)
        with pytest.raises(ConnectionRefusedError):
            await node.tcp(fd, node.lab.config.node_ip, 30080)
        # The kernel tells a sender on the node itself EPERM, as it does with kube-proxy.
        with pytest.raises((ConnectionRefusedError, PermissionError)):
            await in_thread(call_udp, fd, VIP, 80)


async def test_a_deleted_service_is_refused_and_its_connections_live_on(node: Node) -> None:
    pod = node.lab.pod("web", 10).serve(8080)
    web = service("web", VIP)
    await node.put(web, endpoint_slice("web", [pod.ip]))
    with netns.socket_in(node.lab.host_fd, socket.AF_INET, socket.SOCK_STREAM) as open_before:
        open_before.settimeout(3)
        open_before.connect((VIP, 80))
        assert open_before.recv(100).startswith(b"web")
        node.cluster.delete(web)
        await node.settled()
        with pytest.raises(ConnectionRefusedError):
            await node.tcp(node.lab.host_fd)
        open_before.sendall(b"still here")
        assert open_before.recv(100) == b"still here"


async def test_terminating_endpoints_serve_only_while_there_is_no_ready_one(node: Node) -> None:
    going = {"ready": False, "serving": True, "terminating": True}
    old, new = node.lab.pod("old", 10).serve(8080), node.lab.pod("new", 11).serve(8080)
    await node.put(service("web", VIP), endpoint_slice("web", {old.ip: going}))
    assert set(await node.names(node.lab.host_fd, 5)) == {"old"}
    await node.put(endpoint_slice("web", {old.ip: going, new.ip: {}}))
    assert set(await node.names(node.lab.host_fd, 20)) == {"new"}


async def test_a_client_sticks_to_an_endpoint_until_it_goes(node: Node) -> None:
    pods = {f"p{i}": node.lab.pod(f"p{i}", 10 + i).serve(8080) for i in range(4)}
    sticky = service(
        "web",
        VIP,
        sessionAffinity="ClientIP",
        sessionAffinityConfig={"clientIP": {"timeoutSeconds": 600}},
    )
    await node.put(sticky, endpoint_slice("web", [p.ip for p in pods.values()]))
    clients = [node.lab.pod(f"client{i}", 100 + i) for i in range(8)]
    chosen = {}
    for client in clients:
        [name] = await node.names(client.fd, 10)
        chosen[client.name] = name
    assert len(set(chosen.values())) > 1
    gone = chosen[clients[0].name]
    left = {name: pod for name, pod in pods.items() if name != gone}
    await node.put(endpoint_slice("web", [p.ip for p in left.values()]))
    for client in clients:
        [name] = await node.names(client.fd, 10)
        if chosen[client.name] != gone:
            assert name == chosen[client.name]
        else:
            assert name in left


async def test_stickiness_ends_after_its_time(node: Node) -> None:
    pods = [node.lab.pod(f"p{i}", 10 + i).serve(8080) for i in range(4)]
    sticky = service(
        "web",
        VIP,
        sessionAffinity="ClientIP",
        sessionAffinityConfig={"clientIP": {"timeoutSeconds": 1}},
    )
    await node.put(sticky, endpoint_slice("web", [p.ip for p in pods]))
    seen = set(await node.names(node.lab.host_fd, 5))
    assert len(seen) == 1
    async with asyncio.timeout(60):
        while len(seen) == 1:
            await asyncio.sleep(1.2)  # the time that must pass
            seen |= set(await node.names(node.lab.host_fd, 1))


async def test_external_addresses_lead_to_the_endpoints(node: Node) -> None:
    pod = node.lab.pod("web", 10).serve(8080)
    outside = service("web", VIP, externalIPs=["198.51.100.7"])
    outside["status"] = {"loadBalancer": {"ingress": [{"ip": "198.51.100.8"}]}}
    await node.put(outside, endpoint_slice("web", [pod.ip]))
    client = node.lab.pod("client", 9)
    for address in ("198.51.100.7", "198.51.100.8"):
        assert (await node.tcp(client.fd, address)).startswith("web")


async def test_a_host_port_leads_to_its_pod(node: Node) -> None:
    pod = node.lab.pod("web", 10).serve(8080)
    running = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "default", "name": "web"},
        "spec": {"containers": [{"ports": [{"containerPort": 8080, "hostPort": 8000}]}]},
        "status": {"podIP": pod.ip, "phase": "Running"},
    }
    await node.put(running)
    address = node.lab.config.node_ip
    assert (await node.tcp(node.lab.host_fd, address, 8000)).startswith("web")
    await node.put({**running, "status": {"podIP": pod.ip, "phase": "Succeeded"}})
    with pytest.raises(ConnectionRefusedError):
        await node.tcp(node.lab.host_fd, address, 8000)


async def test_internal_traffic_policy_local_keeps_to_this_nodes_endpoints(node: Node) -> None:
    here, there = node.lab.pod("here", 10).serve(8080), node.lab.pod("there", 11).serve(8080)
    elsewhere = endpoint_slice("web", [there.ip], node="another")
    elsewhere["metadata"]["name"] = "web-2"
    await node.put(
        service("web", VIP, internalTrafficPolicy="Local"),
        endpoint_slice("web", [here.ip], node=node.lab.config.node_name),
        elsewhere,
    )
    assert set(await node.names(node.lab.host_fd, 20)) == {"here"}


async def test_endpoints_come_and_go_under_load_without_one_failed_request(node: Node) -> None:
    pods = [node.lab.pod(f"p{i}", 10 + i).serve(8080) for i in range(4)]
    await node.put(service("web", VIP), endpoint_slice("web", [p.ip for p in pods[:2]]))
    failures: list[OSError] = []
    done = 0
    stop = asyncio.Event()

    async def load() -> None:
        nonlocal done
        while not stop.is_set():
            try:
                await node.tcp(node.lab.host_fd)
            except OSError as error:
                failures.append(error)
            done += 1

    clients = [asyncio.create_task(load()) for _ in range(4)]
    for change in range(60):
        chosen = [pods[change % 4], pods[(change + 1) % 4]]
        await node.put(endpoint_slice("web", [p.ip for p in chosen]))
    stop.set()
    await asyncio.gather(*clients)
    assert failures == []
    assert done > 100


async def test_a_udp_client_that_goes_on_sending_reaches_the_next_endpoint(node: Node) -> None:
    if not shutil.which("conntrack"):
        pytest.skip("conntrack is not installed")
    old, new = node.lab.pod("old", 10).serve(8080), node.lab.pod("new", 11).serve(8080)
    await node.put(
        service("dns", VIP, port=53, protocol="UDP"),
        endpoint_slice("dns", [old.ip], protocol="UDP"),
    )
    with netns.socket_in(node.lab.host_fd, socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect((VIP, 53))
        loop = asyncio.get_running_loop()
        client.send(b"1")
        assert (await asyncio.wait_for(loop.sock_recv(client, 99), 3)).startswith(b"old")
        await node.put(endpoint_slice("dns", [new.ip], protocol="UDP"))
        old.stop_serving()
        async with asyncio.timeout(5):
            while True:
                with contextlib.suppress(ConnectionRefusedError, TimeoutError):
                    client.send(b"2")
                    if (await asyncio.wait_for(loop.sock_recv(client, 99), 0.1)).startswith(b"new"):
                        break


@pytest.mark.parametrize(
    "damage",
    [
        "flush ruleset",
        "flush map ip grappe slots",
        "flush chain ip grappe prerouting",
        "delete table ip grappe; add table ip grappe; add set ip grappe slots { type mark; }",
    ],
)
async def test_what_others_break_is_mended(
    node: Node, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from grappe.network.services import proxy as module

    monkeypatch.setattr(module, "VERIFY_SECONDS", 0.05)
    pod = node.lab.pod("web", 10).serve(8080)
    await node.put(service("web", VIP), endpoint_slice("web", [pod.ip]))
    other = Nft()
    other.run(damage)
    other.close()
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(OSError):
                if (await node.tcp(node.lab.host_fd)).startswith("web"):
                    break


async def test_the_hosts_own_nftables_are_not_touched(node: Node) -> None:
    await node.put(service("web", VIP))
    with netns.inside(node.lab.host_fd):
        of_host = Nft()
    assert of_host.run("list ruleset") == ""
    assert "table ip grappe" in node.nft.run("list ruleset")
    of_host.close()
