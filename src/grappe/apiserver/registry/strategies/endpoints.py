"""Endpoints and slices: whether they may name loopback addresses.

Kubernetes refuses them, since a Service could then reach what listens only for the machine itself.
On simulated nodes there is nothing that forwards to endpoints, and the machine's own processes are
all that can stand behind a Service: webhooks, extension API servers, a proxy under test.
"""

from __future__ import annotations

from collections.abc import Iterator

from grappe.api import Object
from grappe.api.causes import invalid
from grappe.api.errors import Cause
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.strategies.base import Strategy

BUCKETS = ("/endpoints", "discovery.k8s.io/endpointslices")


class EndpointsStrategy(Strategy):
    """`loopback`: such addresses are accepted."""

    def __init__(self, served: ServedResource, loopback: bool) -> None:
        super().__init__(served)
        self._loopback = loopback

    def validate_create(self, obj: Object) -> list[Cause]:
        if self._loopback:
            return []
        why = "may not be in the loopback range (127.0.0.0/8, ::1/128)"
        return [
            invalid(at, address, why)
            for at, address in _addresses(obj)
            if address.startswith("127.") or address == "::1"
        ]

    def validate_update(self, new: Object, old: Object) -> list[Cause]:
        parts = ("subsets", "endpoints")
        changed = any(new.get(part) != old.get(part) for part in parts)
        return self.validate_create(new) if changed else []


def _addresses(obj: Object) -> Iterator[tuple[str, str]]:
    """(field, address) of every address."""
    for i, endpoint in enumerate(obj.get("endpoints") or ()):
        for j, address in enumerate(endpoint.get("addresses") or ()):
            yield f"endpoints[{i}].addresses[{j}]", address
    for i, subset in enumerate(obj.get("subsets") or ()):
        for part in ("addresses", "notReadyAddresses"):
            for j, found in enumerate(subset.get(part) or ()):
                yield f"subsets[{i}].{part}[{j}].ip", found.get("ip") or ""
