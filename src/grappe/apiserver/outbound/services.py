"""From a Service to an address that serves it.

As kube-apiserver does with `--enable-aggregator-routing`: one of the ready endpoints is asked
itself, so that a Service answers as soon as its pod is ready, and on simulated nodes as well.
"""

from __future__ import annotations

import random

from grappe.api import Object
from grappe.api.errors import ApiError, not_found, unavailable
from grappe.api.resources import ENDPOINT_SLICES, SERVICES
from grappe.apiserver.records import body_of
from grappe.store.interface import Store


class Services:
    """Finds where a Service is served at this moment."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def resolve(self, namespace: str, name: str, port: int) -> tuple[str, int]:
        """Host and port; ApiError 404 without the Service, 503 when nobody serves it."""
        record = self._store.get(SERVICES.bucket, f"{namespace}/{name}")
        if record is None:
            raise not_found("service", name)
        spec = body_of(record).get("spec") or {}
        if spec.get("type") == "ExternalName":
            return str(spec.get("externalName")), port
        wanted = service_port(spec, port)
        if wanted is None:
            raise unavailable(f'no service port {port} found for service "{name}"')
        found = ready_endpoints(self._store, namespace, name, wanted.get("name") or "")
        if not found:
            raise nobody_serves(name)
        return random.choice(found)


def service_port(spec: Object, port: int) -> Object | None:
    """The entry of `spec.ports` with this number."""
    return next((p for p in spec.get("ports") or () if p.get("port") == port), None)


def nobody_serves(name: str) -> ApiError:
    return unavailable(f'no endpoints available for service "{name}"')


def slices_of(store: Store, namespace: str, service: str) -> list[Object]:
    """The EndpointSlices of a Service."""
    return [
        body_of(record)
        for record in store.list(ENDPOINT_SLICES.bucket, f"{namespace}/")
        if record.labels.get("kubernetes.io/service-name") == service
    ]


def ready_endpoints(
    store: Store, namespace: str, service: str, port_name: str
) -> list[tuple[str, int]]:
    """Address and port of every ready endpoint of a Service's named port."""
    found = []
    for endpoint_slice in slices_of(store, namespace, service):
        ports = [
            p["port"]
            for p in endpoint_slice.get("ports") or ()
            if (p.get("name") or "") == port_name and p.get("port")
        ]
        for endpoint in endpoint_slice.get("endpoints") or ():
            ready = (endpoint.get("conditions") or {}).get("ready", True)
            if ready is not False and ports and endpoint.get("addresses"):
                found.append((endpoint["addresses"][0], int(ports[0])))
    return found
