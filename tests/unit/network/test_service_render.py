"""A Service and its slices as elements of the table."""

from __future__ import annotations

from typing import Any

import pytest
from tests.network_objects import endpoint_slice, service

from grappe.network.services import ruleset
from grappe.network.services.conntrack import StaleFlows, stale_flows
from grappe.network.services.render import (
    NodeFacts,
    host_port_elements,
    service_elements,
)
from grappe.network.services.table import Table

NODE = NodeFacts("n", "10.95.0.2", frozenset({"10.96.0.10"}))


def test_each_endpoint_has_a_slot_at_each_address_of_the_service() -> None:
    web = service("web", "10.96.1.1", node_port=30080)
    assert service_elements(web, [endpoint_slice("web", ["10.244.0.3", "10.244.0.2"])], NODE) == {
        ("services", "10.96.1.1 . tcp . 80"): "goto spread2",
        ("slots", "10.96.1.1 . tcp . 80 . 0"): "10.244.0.2 . 8080",
        ("slots", "10.96.1.1 . tcp . 80 . 1"): "10.244.0.3 . 8080",
        ("services", "10.95.0.2 . tcp . 30080"): "goto spread2",
        ("slots", "10.95.0.2 . tcp . 30080 . 0"): "10.244.0.2 . 8080",
        ("slots", "10.95.0.2 . tcp . 30080 . 1"): "10.244.0.3 . 8080",
        ("hairpin", "10.244.0.2 . 10.244.0.2"): "",
        ("hairpin", "10.244.0.3 . 10.244.0.3"): "",
    }


def test_a_sticky_service_is_drawn_by_number_and_remembered_by_address() -> None:
    sticky = service("web", "10.96.1.1", sessionAffinity="ClientIP")
    elements = service_elements(sticky, [endpoint_slice("web", ["10.244.0.2"])], NODE)
    address = (10 << 24) + (244 << 16) + 2
    assert elements["services", "10.96.1.1 . tcp . 80"] == "goto sticky1-10800"
    assert elements["drawn", "10.96.1.1 . tcp . 80 . 0"] == str(address)
    assert elements["slots", f"10.96.1.1 . tcp . 80 . {address}"] == "10.244.0.2 . 8080"


def test_the_services_of_cluster_dns_and_without_cluster_ip_are_left_alone() -> None:
    slices = [endpoint_slice("web", ["10.244.0.2"])]
    for spec in (
        service("web", "10.96.0.10"),
        service("web", "None"),
        service("web", "", type="ExternalName", externalName="example.org"),
        service("web", "fd00::1"),
        {"metadata": {"name": "web"}},
    ):
        assert service_elements(spec, slices, NODE) == {}


def test_a_load_balancer_that_is_a_proxy_is_not_answered_for() -> None:
    web = service("web", "10.96.1.1")
    ingress: list[dict[str, Any]] = [{"ip": "198.51.100.1", "ipMode": "Proxy"}, {"hostname": "x"}]
    web["status"] = {"loadBalancer": {"ingress": ingress}}
    elements = service_elements(web, [endpoint_slice("web", ["10.244.0.2"])], NODE)
    assert not any("198.51.100" in key for _, key in elements)


def test_other_ports_of_external_addresses_are_refused_but_not_of_the_nodes_own() -> None:
    web = service("web", "10.96.1.1", externalIPs=["198.51.100.1"])
    web["status"] = {"loadBalancer": {"ingress": [{"ip": NODE.ip}]}}
    elements = service_elements(web, [endpoint_slice("web", ["10.244.0.2"])], NODE)
    assert elements["services", f"{NODE.ip} . tcp . 80"] == "goto spread1"
    assert [key for name, key in elements if name == "external"] == ["198.51.100.1"]


@pytest.mark.parametrize(
    ("spec", "status"),
    [
        ({"hostNetwork": True}, {"podIP": "10.244.0.2"}),
        ({}, {}),
        ({}, {"podIP": "10.244.0.2", "phase": "Failed"}),
    ],
    ids=["host network", "no address yet", "ended"],
)
def test_pods_without_use_for_host_ports_have_none(
    spec: dict[str, Any], status: dict[str, Any]
) -> None:
    port = {"hostPort": 80, "containerPort": 8080}
    pod = {"spec": {"containers": [{"ports": [port]}], **spec}, "status": status}
    assert host_port_elements(pod, NODE) == {}


def changes(before: list[str], after: list[str], protocol: str = "UDP") -> set[StaleFlows]:
    table = Table()
    dns = service("dns", "10.96.1.1", port=53, protocol=protocol)

    def part(addresses: list[str]) -> dict[tuple[str, str], str]:
        return service_elements(dns, [endpoint_slice("dns", addresses, protocol=protocol)], NODE)

    table.update({"dns": part(before)})
    return stale_flows(table.update({"dns": part(after)}))


def test_flows_to_a_udp_endpoint_that_is_gone_are_stale_and_no_others() -> None:
    three = ["10.244.0.2", "10.244.0.3", "10.244.0.4"]
    assert changes(three, three[1:]) == {StaleFlows("10.96.1.1", 53, "10.244.0.2")}
    assert changes(three, three) == set()
    assert changes(three[1:], three) == set()
    assert changes(three, three[1:], "TCP") == set()


def test_flows_that_began_without_endpoint_are_stale_when_there_is_one() -> None:
    assert changes([], ["10.244.0.2"]) == {StaleFlows("10.96.1.1", 53)}


def test_a_transaction_brings_the_chains_the_table_has_not() -> None:
    table = Table()
    web = service("web", "10.96.1.1")
    part = service_elements(web, [endpoint_slice("web", ["10.244.0.2", "10.244.0.3"])], NODE)
    text = ruleset.transaction(table.update({"web": part}), present=())
    assert "add chain ip grappe spread2" in text
    assert "numgen random mod 2" in text
    again = ruleset.transaction(table.update({"web": {}}), present=("spread2",))
    assert "add" not in again
    assert again.count("delete element") == 3
