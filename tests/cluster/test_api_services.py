"""Services: who gets which address and port."""

from __future__ import annotations

import asyncio
import ipaddress
from typing import Any

import pytest

from grappe.store.memory import MemoryStore
from grappe.testing.cluster import TestCluster, running_cluster
from tests.cluster.api_requests import SERVICES, ask, service


async def test_a_service_gets_an_address_of_the_range(cluster: TestCluster) -> None:
    reply = await ask(cluster, "POST", SERVICES, service("a"))
    assert reply.status == 201
    spec = reply.body["spec"]
    network = ipaddress.ip_network(cluster.config.service_cidr)
    assert ipaddress.ip_address(spec["clusterIP"]) in network
    assert spec["clusterIPs"] == [spec["clusterIP"]]
    assert (spec["type"], spec["ipFamilies"], spec["ipFamilyPolicy"]) == (
        "ClusterIP",
        ["IPv4"],
        "SingleStack",
    )
    assert spec["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]
    assert reply.body["status"] == {"loadBalancer": {}}


async def test_addresses_are_never_given_twice(cluster: TestCluster) -> None:
    replies = await asyncio.gather(
        *(ask(cluster, "POST", SERVICES, service(f"s-{n}", type="NodePort")) for n in range(40))
    )
    assert {reply.status for reply in replies} == {201}
    assert len({reply.body["spec"]["clusterIP"] for reply in replies}) == 40
    assert len({reply.body["spec"]["ports"][0]["nodePort"] for reply in replies}) == 40


async def test_an_address_asked_for_is_given_once(cluster: TestCluster) -> None:
    wanted = "10.96.0.77"
    first = await ask(cluster, "POST", SERVICES, service("a", clusterIP=wanted))
    assert first.body["spec"]["clusterIP"] == wanted
    reply = await ask(cluster, "POST", SERVICES, service("b", clusterIP=wanted))
    assert reply.status == 422
    assert reply.message == (
        'Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.77"]: '
        "failed to allocate IP 10.96.0.77: provided IP is already allocated"
    )
    await ask(cluster, "DELETE", f"{SERVICES}/a")
    assert (await ask(cluster, "POST", SERVICES, service("b", clusterIP=wanted))).status == 201


async def test_an_address_outside_the_range_is_refused(cluster: TestCluster) -> None:
    reply = await ask(cluster, "POST", SERVICES, service("a", clusterIP="192.0.2.1"))
    assert reply.status == 422
    assert "The range of valid IPs is 10.96.0.0/16" in reply.message


async def test_a_node_port_asked_for_twice_is_refused(cluster: TestCluster) -> None:
    ports = [{"port": 80, "nodePort": 30080}]
    first = await ask(cluster, "POST", SERVICES, service("a", type="NodePort", ports=ports))
    assert first.status == 201
    reply = await ask(cluster, "POST", SERVICES, service("b", type="NodePort", ports=ports))
    assert reply.status == 422
    assert reply.message == (
        'Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30080: '
        "provided port is already allocated"
    )


async def test_a_refused_service_holds_nothing(cluster: TestCluster) -> None:
    taken = [{"port": 80, "nodePort": 30080}]
    await ask(cluster, "POST", SERVICES, service("a", type="NodePort", ports=taken))
    ports = [
        {"name": "x", "port": 81, "nodePort": 30081},
        {"name": "y", "port": 80, "nodePort": 30080},
    ]
    sent = service("b", type="NodePort", ports=ports, clusterIP="10.96.0.88")
    assert (await ask(cluster, "POST", SERVICES, sent)).status == 422
    sent = service("c", type="NodePort", ports=ports[:1], clusterIP="10.96.0.88")
    assert (await ask(cluster, "POST", SERVICES, sent)).status == 201


async def test_a_dry_run_holds_nothing(cluster: TestCluster) -> None:
    ports = [{"port": 80, "nodePort": 30080}]
    sent = service("a", type="NodePort", ports=ports, clusterIP="10.96.0.88")
    reply = await ask(cluster, "POST", SERVICES, sent, dryRun="All")
    assert reply.body["spec"]["clusterIP"] == "10.96.0.88"
    assert (await ask(cluster, "POST", SERVICES, sent)).status == 201


async def test_a_node_port_outside_the_range_is_refused(cluster: TestCluster) -> None:
    sent = service("a", type="NodePort", ports=[{"port": 80, "nodePort": 80}])
    reply = await ask(cluster, "POST", SERVICES, sent)
    assert reply.status == 422
    assert "provided port is not in the valid range. The range of valid ports is" in reply.message


async def test_one_service_may_use_a_node_port_for_tcp_and_udp(cluster: TestCluster) -> None:
    ports = [
        {"name": "tcp", "port": 53, "protocol": "TCP", "nodePort": 30053},
        {"name": "udp", "port": 53, "protocol": "UDP", "nodePort": 30053},
    ]
    reply = await ask(cluster, "POST", SERVICES, service("a", type="NodePort", ports=ports))
    assert reply.status == 201


async def test_a_headless_service_has_no_address(cluster: TestCluster) -> None:
    reply = await ask(cluster, "POST", SERVICES, service("a", clusterIP="None"))
    assert reply.body["spec"]["clusterIP"] == "None"
    assert reply.body["spec"]["clusterIPs"] == ["None"]


async def test_a_family_the_cluster_has_not_is_refused(cluster: TestCluster) -> None:
    reply = await ask(cluster, "POST", SERVICES, service("a", ipFamilies=["IPv6"]))
    assert reply.status == 422
    assert 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this' in reply.message
    reply = await ask(cluster, "POST", SERVICES, service("a", ipFamilyPolicy="RequireDualStack"))
    assert "this cluster is not configured for dual-stack services" in reply.message
    reply = await ask(cluster, "POST", SERVICES, service("a", ipFamilyPolicy="PreferDualStack"))
    assert reply.status == 201


async def test_an_external_name_has_no_address(cluster: TestCluster) -> None:
    sent = service("a", type="ExternalName", externalName="example.com")
    reply = await ask(cluster, "POST", SERVICES, sent)
    assert "clusterIP" not in reply.body["spec"]
    assert "ipFamilies" not in reply.body["spec"]


async def test_an_update_that_leaves_them_out_keeps_address_and_port(
    cluster: TestCluster,
) -> None:
    made = (await ask(cluster, "POST", SERVICES, service("a", type="NodePort"))).body["spec"]
    changed = service("a", type="NodePort", ports=[{"port": 80, "targetPort": 8080}])
    spec = (await ask(cluster, "PUT", f"{SERVICES}/a", changed)).body["spec"]
    assert spec["clusterIP"] == made["clusterIP"]
    assert spec["ports"][0]["nodePort"] == made["ports"][0]["nodePort"]
    assert spec["ports"][0]["targetPort"] == 8080


async def test_the_address_of_a_service_may_not_change(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", SERVICES, service("a"))).body
    made["spec"]["clusterIP"] = "10.96.0.99"
    made["spec"]["clusterIPs"] = ["10.96.0.99"]
    reply = await ask(cluster, "PUT", f"{SERVICES}/a", made)
    assert reply.status == 422
    assert "may not change once set" in reply.message


async def test_a_change_of_type_gives_back_what_the_new_type_has_not(
    cluster: TestCluster,
) -> None:
    ports = [{"port": 80, "nodePort": 30080}]
    sent = service("a", type="NodePort", ports=ports)
    made = (await ask(cluster, "POST", SERVICES, sent)).body
    made["spec"]["type"] = "ClusterIP"
    changed = (await ask(cluster, "PUT", f"{SERVICES}/a", made)).body
    assert "nodePort" not in changed["spec"]["ports"][0]
    assert "externalTrafficPolicy" not in changed["spec"]
    reply = await ask(cluster, "POST", SERVICES, service("b", type="NodePort", ports=ports))
    assert reply.status == 201


async def test_a_health_check_port_that_is_taken_is_named(cluster: TestCluster) -> None:
    await ask(cluster, "POST", SERVICES, service("a", **BALANCER, healthCheckNodePort=32100))
    reply = await ask(
        cluster, "POST", SERVICES, service("b", **BALANCER, healthCheckNodePort=32100)
    )
    assert reply.status == 422
    assert reply.body["details"]["causes"] == [
        {
            "reason": "FieldValueInvalid",
            "message": "Invalid value: 32100: provided port is already allocated",
            "field": "spec.healthCheckNodePort",
        }
    ]


async def test_what_services_hold_survives_a_restart() -> None:
    store = MemoryStore()
    ports = [{"port": 80, "nodePort": 30080}]
    async with running_cluster(store=store) as cluster:
        sent = service("a", type="NodePort", ports=ports, clusterIP="10.96.0.88")
        await ask(cluster, "POST", SERVICES, sent)
    async with running_cluster(store=store) as cluster:
        for again in (
            service("b", clusterIP="10.96.0.88"),
            service("b", type="NodePort", ports=ports),
        ):
            assert (await ask(cluster, "POST", SERVICES, again)).status == 422


BALANCER = {
    "type": "LoadBalancer",
    "externalTrafficPolicy": "Local",
    "loadBalancerClass": "example.com/one",
}
EXTERNAL = {"type": "ExternalName", "externalName": "web.example"}
ADDRESS = {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"}
OUTSIDE = {"externalTrafficPolicy"}
BALANCED = {"allocateLoadBalancerNodePorts", "loadBalancerClass", "healthCheckNodePort"}
DEPENDENT = ADDRESS | OUTSIDE | BALANCED


@pytest.mark.parametrize(
    ("before", "change", "fields", "node_ports"),
    [
        ({}, {"type": "NodePort"}, ADDRESS | OUTSIDE, True),
        (
            {},
            {"type": "LoadBalancer"},
            ADDRESS | OUTSIDE | {"allocateLoadBalancerNodePorts"},
            True,
        ),
        ({}, EXTERNAL, set(), False),
        ({"type": "NodePort"}, {"type": "ClusterIP"}, ADDRESS, False),
        ({"type": "NodePort"}, EXTERNAL, set(), False),
        (BALANCER, {"type": "ClusterIP"}, ADDRESS, False),
        (BALANCER, {"type": "NodePort"}, ADDRESS | OUTSIDE, True),
        (BALANCER, EXTERNAL, set(), False),
        (
            BALANCER,
            {"externalTrafficPolicy": "Cluster"},
            DEPENDENT - {"healthCheckNodePort"},
            True,
        ),
        ({"clusterIP": "None"}, EXTERNAL, set(), False),
        (EXTERNAL, {"type": "ClusterIP"}, ADDRESS, False),
        (EXTERNAL, {"type": "NodePort"}, ADDRESS | OUTSIDE, True),
        ({"externalIPs": ["1.2.3.4"]}, {"externalIPs": None}, ADDRESS, False),
    ],
)
async def test_a_service_that_becomes_another_has_what_that_one_has(
    cluster: TestCluster,
    before: dict[str, Any],
    change: dict[str, Any],
    fields: set[str],
    node_ports: bool,
) -> None:
    made = await ask(cluster, "POST", SERVICES, service("turning", **before))
    assert made.status == 201, made.body
    merge = {"content-type": "application/merge-patch+json"}
    turned = await ask(cluster, "PATCH", f"{SERVICES}/turning", {"spec": change}, merge)
    assert turned.status == 200, turned.body
    spec = turned.body["spec"]
    assert DEPENDENT & spec.keys() == fields
    assert all(("nodePort" in port) == node_ports for port in spec["ports"])


@pytest.mark.parametrize(
    ("before", "change", "told"),
    [
        (
            {"clusterIP": "None"},
            {"type": "NodePort"},
            "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort "
            "services",
        ),
        (
            {},
            {"clusterIP": "None"},
            'spec.clusterIPs[0]: Invalid value: ["None"]: may not change once set',
        ),
        (
            {},
            {"loadBalancerClass": "example.com/one"},
            "spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'",
        ),
        (
            {},
            {"healthCheckNodePort": 32000},
            "spec.healthCheckNodePort: Invalid value: 32000: may only be set when `type` is "
            "'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
        ),
        (
            BALANCER,
            {"loadBalancerClass": "example.com/two"},
            'spec.loadBalancerClass: Invalid value: "example.com/two": may not change once set',
        ),
        (BALANCER, {"healthCheckNodePort": 1}, "spec.healthCheckNodePort: Forbidden: field is "
         "immutable"),
        (
            {},
            {**EXTERNAL, "clusterIP": "10.96.0.200"},
            "spec.clusterIPs: Forbidden: may not be set for ExternalName services",
        ),
    ],
)  # fmt: skip
async def test_what_a_service_may_not_become(
    cluster: TestCluster, before: dict[str, Any], change: dict[str, Any], told: str
) -> None:
    made = await ask(cluster, "POST", SERVICES, service("staying", **before))
    assert made.status == 201, made.body
    merge = {"content-type": "application/merge-patch+json"}
    reply = await ask(cluster, "PATCH", f"{SERVICES}/staying", {"spec": change}, merge)
    assert reply.status == 422
    assert told in reply.message


async def test_a_headless_service_stays_so_when_an_update_leaves_it_out(
    cluster: TestCluster,
) -> None:
    await ask(cluster, "POST", SERVICES, service("headless", clusterIP="None"))
    reply = await ask(cluster, "PUT", f"{SERVICES}/headless", service("headless"))
    assert reply.body["spec"]["clusterIPs"] == ["None"]


async def test_a_service_that_is_no_balancer_any_more_is_nowhere_balanced(
    cluster: TestCluster,
) -> None:
    made = (await ask(cluster, "POST", SERVICES, service("a", type="LoadBalancer"))).body
    made["status"] = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    path = f"{SERVICES}/a"
    balanced = (await ask(cluster, "PUT", f"{path}/status", made)).body
    assert balanced["status"]["loadBalancer"]["ingress"][0]["ip"] == "192.0.2.1"
    balanced["spec"]["type"] = "ClusterIP"
    plain = await ask(cluster, "PUT", path, balanced)
    assert (plain.status, plain.body["status"]) == (200, {"loadBalancer": {}})
    assert "nodePort" not in plain.body["spec"]["ports"][0]


async def test_node_ports_go_with_the_type_unless_new_ones_are_asked_for(
    cluster: TestCluster,
) -> None:
    ports = [{"name": n, "port": p} for n, p in (("a", 80), ("b", 81))]
    made = (await ask(cluster, "POST", SERVICES, service("a", type="NodePort", ports=ports))).body
    path = f"{SERVICES}/a"
    changed = {**made, "spec": {**made["spec"], "type": "ClusterIP"}}
    fewer = {**changed, "spec": {**changed["spec"], "ports": made["spec"]["ports"][:1]}}
    other = {**changed, "spec": {**changed["spec"], "ports": [dict(made["spec"]["ports"][0])]}}
    other["spec"]["ports"][0]["nodePort"] = 32111
    refused = await ask(cluster, "PUT", path, other)
    assert refused.status == 422
    assert "spec.ports[0].nodePort: Forbidden: may not be used when `type`" in refused.message
    plain = await ask(cluster, "PUT", path, fewer)
    assert (plain.status, "nodePort" in plain.body["spec"]["ports"][0]) == (200, False)
