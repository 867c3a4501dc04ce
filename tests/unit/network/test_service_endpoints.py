"""Which endpoints of a Service may get traffic."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.network.services.endpoints import Endpoint, candidates, service_of, usable


def slice_of(*endpoints: dict[str, Any], name: str = "", **fields: Any) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "a", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "ports": [{"name": name, "port": 8080, "protocol": "TCP"}],
        "endpoints": list(endpoints),
        **fields,
    }


def endpoint(ip: str, node: str = "n", **conditions: bool) -> dict[str, Any]:
    return {"addresses": [ip], "conditions": conditions, "nodeName": node}


def chosen(*slices: dict[str, Any], only_node: str = "", name: str = "") -> list[str]:
    return [e.ip for e in usable(candidates(slices, name, "TCP"), only_node=only_node)]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, True),
        ({"ready": True}, True),
        ({"ready": False}, False),
        ({"ready": False, "serving": True}, False),
        ({"ready": False, "serving": True, "terminating": True}, True),
        ({"ready": False, "serving": False, "terminating": True}, False),
        ({"ready": True, "serving": True, "terminating": True}, True),
    ],
    ids=str,
)
def test_an_only_endpoint_is_used_by_its_conditions(
    conditions: dict[str, bool], expected: bool
) -> None:
    assert chosen(slice_of(endpoint("10.0.0.1", **conditions))) == (
        ["10.0.0.1"] if expected else []
    )


def test_terminating_endpoints_rest_while_one_is_ready() -> None:
    going = endpoint("10.0.0.1", ready=False, serving=True, terminating=True)
    assert chosen(slice_of(going, endpoint("10.0.0.2"))) == ["10.0.0.2"]


def test_policy_local_looks_at_one_node_only_also_for_the_fallback() -> None:
    going = endpoint("10.0.0.1", "here", ready=False, serving=True, terminating=True)
    slices = slice_of(going, endpoint("10.0.0.2", "there"))
    assert chosen(slices, only_node="here") == ["10.0.0.1"]
    assert chosen(slices, only_node="nowhere") == []


def test_ports_are_found_by_name_and_protocol() -> None:
    http = slice_of(endpoint("10.0.0.1"), name="http")
    assert chosen(http, name="http") == ["10.0.0.1"]
    assert chosen(http) == []
    assert candidates([http], "http", "UDP") == []


def test_an_endpoint_in_two_slices_counts_once_and_as_ready_if_one_says_so() -> None:
    one = slice_of(endpoint("10.0.0.1", ready=False))
    two = slice_of(endpoint("10.0.0.1"))
    assert chosen(one, two) == chosen(two, one) == ["10.0.0.1"]


def test_other_address_families_and_empty_fields_are_passed_over() -> None:
    assert chosen(slice_of(endpoint("fd00::1"), addressType="IPv6")) == []
    assert chosen(slice_of(endpoints=None), slice_of(ports=None)) == []
    assert chosen(slice_of({"addresses": []})) == []


def test_endpoints_are_in_the_order_of_address_and_port() -> None:
    found = candidates([slice_of(endpoint("10.0.0.9"), endpoint("10.0.0.1"))], "", "TCP")
    assert [c.endpoint for c in found] == [Endpoint("10.0.0.1", 8080), Endpoint("10.0.0.9", 8080)]


def test_a_slice_belongs_to_the_service_its_label_names() -> None:
    assert service_of(slice_of()) == ("a", "web")
    assert service_of({"metadata": {"namespace": "a"}}) is None
