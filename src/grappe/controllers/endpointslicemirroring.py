"""EndpointSlice mirroring: Endpoints that people write for a Service without a selector become
EndpointSlices, which is what nodes read.

watches        endpoints, services, endpointslices
owns           slices labelled `endpointslice.kubernetes.io/managed-by:
               endpointslicemirroring-controller.k8s.io`
writes         those
never touches  Endpoints; slices of others; Endpoints labelled
               `endpointslice.kubernetes.io/skip-mirror: "true"`

https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#endpointslice-mirroring
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import ENDPOINT_SLICES, ENDPOINTS, SERVICES
from grappe.client.informer import EventType
from grappe.controllers.context import Context
from grappe.controllers.informers import CONTROLLER
from grappe.controllers.own_writes import OwnWrites
from grappe.controllers.pod_control import namespace_is_ending
from grappe.controllers.watching import OwnerWatch
from grappe.reconcile import Controller, Key
from grappe.reconcile.owners import owner_reference

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
CONTROLLER_NAME = "endpointslicemirroring-controller.k8s.io"
SKIP = "endpointslice.kubernetes.io/skip-mirror"
_LEADER = "control-plane.alpha.kubernetes.io/leader"
MOST = 1000
"""Addresses of a subset that are mirrored."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Slices to write and to remove."""

    create: tuple[Object, ...] = ()
    delete: tuple[Object, ...] = ()


def is_mirrored(endpoints: Object | None, service: Object | None) -> bool:
    """Whether these Endpoints are for us."""
    if endpoints is None or service is None or service["spec"].get("selector"):
        return False
    meta = endpoints["metadata"]
    if (meta.get("labels") or {}).get(SKIP) == "true" or meta.get("deletionTimestamp"):
        return False
    return _LEADER not in (meta.get("annotations") or {})


def wanted_slices(endpoints: Object) -> list[Object]:
    """One slice for each subset and address family."""
    meta = endpoints["metadata"]
    labels = {**(meta.get("labels") or {}), SERVICE_NAME: meta["name"], MANAGED_BY: CONTROLLER_NAME}
    found = []
    for subset in endpoints.get("subsets") or ():
        addresses = [(a, True) for a in subset.get("addresses") or ()]
        addresses += [(a, False) for a in subset.get("notReadyAddresses") or ()]
        for family in ("IPv4", "IPv6"):
            members = [
                _endpoint(address, ready)
                for address, ready in addresses[:MOST]
                if (":" in address["ip"]) == (family == "IPv6")
            ]
            if members:
                found.append(
                    {
                        "apiVersion": "discovery.k8s.io/v1",
                        "kind": "EndpointSlice",
                        "metadata": {
                            "generateName": f"{meta['name']}-",
                            "namespace": meta["namespace"],
                            "labels": labels,
                            "ownerReferences": [owner_reference(endpoints)],
                        },
                        "addressType": family,
                        "endpoints": members,
                        "ports": [_port(p) for p in subset.get("ports") or ()],
                    }
                )
    return found


def _endpoint(address: Object, ready: bool) -> Object:
    made: Object = {"addresses": [address["ip"]], "conditions": {"ready": ready}}
    for field in ("hostname", "nodeName", "targetRef"):
        if address.get(field):
            made[field] = address[field]
    return made


def _port(port: Object) -> Object:
    made: Object = {
        "name": port.get("name") or "",
        "port": port["port"],
        "protocol": port.get("protocol") or "TCP",
    }
    if port.get("appProtocol"):
        made["appProtocol"] = port["appProtocol"]
    return made


def decide(endpoints: Object | None, service: Object | None, present: Sequence[Object]) -> Plan:
    """Keep the slices that are right, make those that are missing, remove the others."""
    if endpoints is None or not is_mirrored(endpoints, service):
        return Plan(delete=tuple(present))
    missing = wanted_slices(endpoints)
    useless = []
    for found in present:
        same = next((w for w in missing if _content(w) == _content(found)), None)
        if same is None:
            useless.append(found)
        else:
            missing.remove(same)
    return Plan(tuple(missing), tuple(useless))


def _content(slice_: Object) -> tuple[object, ...]:
    return (
        slice_["addressType"],
        slice_.get("endpoints") or [],
        slice_.get("ports") or [],
        slice_["metadata"].get("labels"),
    )


def build(context: Context) -> Controller:
    return EndpointSliceMirroring(context).controller


class EndpointSliceMirroring:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._endpoints = context.informers.of(ENDPOINTS)
        self._services = context.informers.of(SERVICES)
        self._slices = context.informers.of(ENDPOINT_SLICES)
        self._own = OwnWrites(self._slices)
        self.controller = Controller("endpointslicemirroring", reconcile=self.reconcile)
        self._endpoints.add_handler(self.controller.on_change)
        self._services.add_handler(self._service_changed)
        OwnerWatch(self.controller, ENDPOINTS, self._endpoints).follow_owned(self._slices)

    def _service_changed(self, event_type: EventType, obj: Object, old: Object | None) -> None:
        if old is None or obj["spec"].get("selector") != old["spec"].get("selector"):
            self.controller.enqueue_object(obj)

    async def reconcile(self, key: Key) -> None:
        endpoints = self._endpoints.get(*key)
        if endpoints is None:
            return  # the garbage collector takes the slices
        uid = endpoints["metadata"]["uid"]
        present = [
            s
            for s in self._own.merged(uid, self._slices.by_index(CONTROLLER, uid))
            if (s["metadata"].get("labels") or {}).get(MANAGED_BY) == CONTROLLER_NAME
        ]
        plan = decide(endpoints, self._services.get(*key), present)
        for wanted in plan.create:
            try:
                self._own.wrote(uid, await self._client.create(ENDPOINT_SLICES, wanted))
            except ApiError as error:
                if not namespace_is_ending(error):
                    raise
        for useless in plan.delete:
            meta = useless["metadata"]
            try:
                await self._client.delete(ENDPOINT_SLICES, meta["name"], meta["namespace"])
            except ApiError as error:
                if error.code != 404:
                    raise
            self._own.deleted(uid, useless)
