"""Loopback addresses behind a Service: only where nothing forwards to them."""

import pytest

from grappe.api.resources import builtin
from grappe.apiserver.registry.catalog import serve_builtin
from grappe.apiserver.registry.strategies.endpoints import EndpointsStrategy


def strategy(*, loopback):
    resource = builtin("discovery.k8s.io", "v1", "endpointslices")
    assert resource is not None
    return EndpointsStrategy(serve_builtin(resource), loopback)


WRONG = "may not be in the loopback range (127.0.0.0/8, ::1/128)"


@pytest.mark.parametrize(
    ("obj", "field"),
    [
        ({"endpoints": [{"addresses": ["10.0.0.1", "127.0.0.1"]}]}, "endpoints[0].addresses[1]"),
        ({"subsets": [{"addresses": [{"ip": "::1"}]}]}, "subsets[0].addresses[0].ip"),
    ],
    ids=["slice", "endpoints"],
)
def test_loopback_is_refused_on_real_nodes(obj, field):
    (cause,) = strategy(loopback=False).validate_create(obj)
    assert cause.field == field
    assert cause.message.endswith(WRONG)
    assert strategy(loopback=True).validate_create(obj) == []
    assert strategy(loopback=False).validate_update(obj, obj) == []


@pytest.mark.parametrize(
    "address", ["127.9.9.9", "::1", "0:0:0:0:0:0:0:1", "::ffff:127.0.0.1", "::ffff:7f00:1"]
)
def test_a_loopback_address_is_one_however_it_is_written(address):
    obj = {"endpoints": [{"addresses": [address]}]}
    assert len(strategy(loopback=False).validate_create(obj)) == 1


@pytest.mark.parametrize("address", ["10.0.0.1", "fd00::1", "1270.example.com", "127.example.com"])
def test_other_addresses_and_names_are_none(address):
    assert strategy(loopback=False).validate_create({"endpoints": [{"addresses": [address]}]}) == []
