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
