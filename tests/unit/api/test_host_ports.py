"""Which ports of a node a pod takes, and with which they cannot be had together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.host_ports import HostPort, host_ports

PORTS = st.builds(
    HostPort,
    st.sampled_from(["0.0.0.0", "10.0.0.1", "10.0.0.2"]),
    st.sampled_from(["TCP", "UDP"]),
    st.integers(1, 3),
)


def test_containers_take_the_ports_that_name_one_of_the_host() -> None:
    containers = [
        {"name": "main", "ports": [{"containerPort": 3, "hostPort": 3, "hostIP": "10.0.0.1"}]},
        {"name": "dns", "ports": [{"containerPort": 5, "hostPort": 53, "protocol": "UDP"}]},
        {"name": "inside", "ports": [{"containerPort": 4}]},
        {"name": "none"},
    ]
    found = host_ports(containers)
    assert found == (HostPort("10.0.0.1", "TCP", 3), HostPort("0.0.0.0", "UDP", 53))


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        (HostPort("0.0.0.0", "TCP", 1), HostPort("10.0.0.1", "TCP", 1), True),
        (HostPort("10.0.0.1", "TCP", 1), HostPort("10.0.0.1", "TCP", 1), True),
        (HostPort("10.0.0.1", "TCP", 1), HostPort("10.0.0.2", "TCP", 1), False),
        (HostPort("0.0.0.0", "TCP", 1), HostPort("0.0.0.0", "UDP", 1), False),
        (HostPort("0.0.0.0", "TCP", 1), HostPort("0.0.0.0", "TCP", 2), False),
    ],
)
def test_two_clash_on_one_address_or_all(one: HostPort, other: HostPort, clash: bool) -> None:
    assert one.clashes(other) is clash


@given(PORTS, PORTS)
def test_a_clash_has_no_direction(one: HostPort, other: HostPort) -> None:
    assert one.clashes(other) == other.clashes(one)
    assert one.clashes(one)
