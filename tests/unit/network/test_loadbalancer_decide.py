"""Who gets the node's address as a load balancer's."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from grappe.network.loadbalancer.decide import balanced_ports, decide, holds
from grappe.network.published.wanted import Port
from tests.network_objects import service

NODE = "10.95.0.2"


def balancer(
    name: str, *, port: int = 80, age: int = 0, holding: bool = False, **spec: Any
) -> dict[str, Any]:
    made = service(name, "10.96.1.1", port=port, **{"type": "LoadBalancer", **spec})
    made["metadata"]["creationTimestamp"] = f"2026-01-01T00:00:{age:02}Z"
    if holding:
        give(made)
    return made


def give(obj: dict[str, Any]) -> None:
    obj["status"] = {"loadBalancer": {"ingress": [{"ip": NODE, "ipMode": "VIP"}]}}


def names(keys: Any) -> list[str]:
    return sorted(name for _, name in keys)


def test_the_first_to_ask_for_a_port_gets_the_address_and_keeps_it() -> None:
    plan = decide([balancer("late", age=2), balancer("early", age=1)], NODE, {})
    assert names(plan.give) == ["early"]
    assert plan.refused["default", "late"] == (
        "port 80/TCP of 10.95.0.2 belongs to Service default/early: choose another port, "
        "or delete that"
    )
    plan = decide([balancer("late", age=2, holding=True), balancer("early", age=1)], NODE, {})
    assert (plan.give, plan.take, names(plan.refused)) == ([], [], ["early"])


def test_different_ports_and_protocols_share_the_address() -> None:
    udp = balancer("dns", protocol="UDP")
    plan = decide([balancer("a"), balancer("b", port=81), udp], NODE, {})
    assert names(plan.give) == ["a", "b", "dns"]


def test_reserved_ports_and_node_ports_are_not_given() -> None:
    node_port = service("np", "10.96.1.2", node_port=30080)
    plan = decide(
        [balancer("kubelet", port=10250), balancer("other", port=30080), node_port],
        NODE,
        {Port("TCP", 10250): "the kubelet"},
    )
    assert "belongs to the kubelet" in plan.refused["default", "kubelet"]
    assert "belongs to Service default/np" in plan.refused["default", "other"]


def test_a_service_that_is_no_balancer_any_more_loses_the_address() -> None:
    for changed in (
        balancer("a", type="ClusterIP", holding=True),
        balancer("a", holding=True) | {"metadata": {**META, "deletionTimestamp": "now"}},
    ):
        assert names(decide([changed], NODE, {}).take) == ["a"]


META = {"namespace": "default", "name": "a"}


def test_balancers_of_another_class_are_left_alone() -> None:
    plan = decide([balancer("a", loadBalancerClass="x/y", holding=True)], NODE, {})
    assert (plan.give, plan.take, plan.refused) == ([], [], {})


services = st.lists(
    st.builds(
        balancer,
        st.sampled_from("abcdef"),
        port=st.integers(80, 82),
        age=st.integers(0, 9),
        holding=st.booleans(),
        type=st.sampled_from(["LoadBalancer", "ClusterIP"]),
    ),
    unique_by=lambda s: s["metadata"]["name"],
)


@given(services)
def test_what_is_decided_once_needs_no_second_decision(found: list[dict[str, Any]]) -> None:
    plan = decide(found, NODE, {})
    for obj in found:
        key = (obj["metadata"]["namespace"], obj["metadata"]["name"])
        if key in plan.give:
            give(obj)
        if key in plan.take:
            obj["status"] = {}
    again = decide(found, NODE, {})
    assert (again.give, again.take) == ([], [])
    held = [port for obj in found if holds(obj, NODE) for port in balanced_ports(obj)]
    assert len(held) == len(set(held))
