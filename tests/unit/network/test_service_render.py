"""A Service and its slices as elements of the table."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.network.services import ruleset
from grappe.network.services.conntrack import StaleFlows, stale_flows
from grappe.network.services.render import (
    NodeFacts,
    host_port_elements,
    service_elements,
)
from grappe.network.services.table import Table
from tests.network_objects import endpoint_slice, service

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


junk = st.one_of(
    st.none(),
    st.integers(-1, 70000),
    st.text(max_size=8),
    st.sampled_from(["10.0.0.1", "127.0.0.1", "TCP", "1 }; flush ruleset", "None", "::1"]),
)


@given(st.lists(junk, min_size=12, max_size=12))
def test_whatever_objects_hold_only_well_formed_elements_come_out(values: list[Any]) -> None:
    """One wrong word would make nftables refuse every later change too."""
    ip, external, ingress, protocol, port, node_port, address, target, *rest = values
    made = service("web", "10.96.1.1", externalIPs=[external])
    made["spec"] |= {"clusterIP": ip, "sessionAffinity": rest[0]}
    made["spec"]["ports"] = [{"port": port, "nodePort": node_port, "protocol": protocol}]
    made["status"] = {"loadBalancer": {"ingress": [{"ip": ingress}]}}
    slices = endpoint_slice("web", [address, "10.244.0.9"])
    slices["ports"] = [{"port": target}, {"port": 8080, "protocol": protocol}]
    pod = {
        "spec": {"containers": [{"ports": [{"hostPort": rest[1], "containerPort": rest[2]}]}]},
        "status": {"podIP": rest[3]},
    }
    for elements in (service_elements(made, [slices], NODE), host_port_elements(pod, NODE)):
        for (name, key), value in elements.items():
            assert WELL_FORMED[name].fullmatch(f"{key} : {value}"), (name, key, value)


_IP = r"\d{1,3}(\.\d{1,3}){3}"
_FRONTEND = rf"{_IP} \. (tcp|udp|sctp) \. \d{{1,5}}"
WELL_FORMED = {
    "services": re.compile(rf"{_FRONTEND} : goto (spread|sticky)\d+(-\d+)?"),
    "slots": re.compile(rf"{_FRONTEND} \. \d+ : {_IP} \. \d{{1,5}}"),
    "drawn": re.compile(rf"{_FRONTEND} \. \d+ : \d+"),
    "hairpin": re.compile(rf"{_IP} \. {_IP} : "),
    "external": re.compile(rf"{_IP} : "),
}


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
