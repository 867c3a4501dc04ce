"""Which ports of localhost the cluster wants, and who holds them."""

from __future__ import annotations

from typing import Any

from grappe.network.published.holder import inodes
from grappe.network.published.wanted import Port, owners
from tests.network_objects import service

NODE = "10.95.0.2"


def pod(name: str, host_port: int) -> dict[str, Any]:
    ports = [{"containerPort": 80, "hostPort": host_port}]
    return {
        "metadata": {"namespace": "default", "name": name},
        "spec": {"containers": [{"ports": ports}]},
        "status": {"podIP": "10.244.0.2", "phase": "Running"},
    }


def test_node_ports_and_host_ports_are_wanted_and_services_go_first() -> None:
    web = service("web", "10.96.1.1", node_port=30080)
    dns = service("dns", "10.96.1.2", node_port=30053, protocol="UDP")
    found = owners(
        [web, dns, service("inner", "10.96.1.3")], [pod("a", 30080), pod("b", 8000)], NODE
    )
    assert {port: obj["metadata"]["name"] for port, obj in found.items()} == {
        Port("TCP", 30080): "web",
        Port("UDP", 30053): "dns",
        Port("TCP", 8000): "b",
    }


def test_a_load_balancer_with_the_nodes_address_wants_its_own_port_too() -> None:
    web = service("web", "10.96.1.1", node_port=30080, type="LoadBalancer")
    assert set(owners([web], [], NODE)) == {Port("TCP", 30080)}
    web["status"] = {"loadBalancer": {"ingress": [{"ip": NODE}]}}
    assert set(owners([web], [], NODE)) == {Port("TCP", 30080), Port("TCP", 80)}
    web["status"] = {"loadBalancer": {"ingress": [{"ip": "198.51.100.1"}]}}
    assert set(owners([web], [], NODE)) == {Port("TCP", 30080)}


def test_headless_services_and_sctp_want_nothing() -> None:
    sctp = service("s", "10.96.1.1", node_port=30080, protocol="SCTP")
    assert owners([sctp, service("h", "None", node_port=30081)], [], NODE) == {}


def test_the_sockets_on_a_port_are_found_in_the_kernels_table() -> None:
    tcp = [
        "0: 0100007F:7580 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 111 1",
        "1: 0100007F:7580 0100007F:C350 01 00000000:00000000 00:00000000 00000000 0 0 222 1",
        "2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 333 1",
        "",
    ]
    assert inodes(tcp, Port("TCP", 30080)) == {"111"}
    assert inodes(tcp, Port("UDP", 30080)) == {"111", "222"}
    assert inodes(tcp, Port("TCP", 81)) == set()
