"""EndpointSlice: look, decide, act."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import ENDPOINT_SLICES, NODES, PODS, SERVICES
from grappe.client.informer import EventType
from grappe.controllers.context import Context
from grappe.controllers.endpointslice.decide import (
    CONTROLLER_NAME,
    MANAGED_BY,
    SERVICE_NAME,
    ZONE,
    Plan,
    World,
    decide,
)
from grappe.controllers.informers import CONTROLLER, NAMESPACE
from grappe.controllers.own_writes import OwnWrites
from grappe.controllers.pod_control import namespace_is_ending
from grappe.controllers.service_pods import ServiceWatch, is_served_by_pods
from grappe.reconcile import Controller, Key


def build(context: Context) -> Controller:
    return EndpointSliceController(context).controller


class EndpointSliceController:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._services = context.informers.of(SERVICES)
        self._pods = context.informers.of(PODS)
        self._nodes = context.informers.of(NODES)
        self._slices = context.informers.of(ENDPOINT_SLICES)
        self._own = OwnWrites(self._slices).follow(self._services)
        self.controller = Controller("endpointslice", reconcile=self.reconcile, concurrency=4)
        self._services.add_handler(self.controller.on_change)
        self._slices.add_handler(self._slice_changed)
        ServiceWatch(self.controller, self._services, self._pods)

    def _slice_changed(self, event_type: EventType, obj: Object, old: Object | None) -> None:
        labels = obj["metadata"].get("labels") or {}
        if labels.get(MANAGED_BY) == CONTROLLER_NAME and SERVICE_NAME in labels:
            self.controller.enqueue(obj["metadata"]["namespace"], labels[SERVICE_NAME])

    async def reconcile(self, key: Key) -> None:
        service = self._services.get(*key)
        if service is None or service["metadata"].get("deletionTimestamp"):
            return  # the garbage collector takes the slices
        if not is_served_by_pods(service):
            return
        await self._act(service, decide(self._look(service)))

    def _look(self, service: Object) -> World:
        meta = service["metadata"]
        slices = self._own.merged(meta["uid"], self._slices.by_index(CONTROLLER, meta["uid"]))
        pods = self._pods.by_index(NAMESPACE, meta["namespace"])
        zones = {
            node["metadata"]["name"]: zone
            for node in self._nodes.list()
            if (zone := (node["metadata"].get("labels") or {}).get(ZONE))
        }
        ours = [
            s
            for s in slices
            if (s["metadata"].get("labels") or {}).get(MANAGED_BY) == CONTROLLER_NAME
        ]
        return World(service, pods, ours, zones)

    async def _act(self, service: Object, plan: Plan) -> None:
        uid, namespace = service["metadata"]["uid"], service["metadata"]["namespace"]
        for obj in plan.create:
            try:
                self._own.wrote(uid, await self._client.create(ENDPOINT_SLICES, obj))
            except ApiError as error:
                if not namespace_is_ending(error):
                    raise
        for obj in plan.update:
            self._own.wrote(uid, await self._client.update(ENDPOINT_SLICES, obj))
        for obj in plan.delete:
            try:
                await self._client.delete(ENDPOINT_SLICES, obj["metadata"]["name"], namespace)
            except ApiError as error:
                if error.code != 404:
                    raise
            self._own.deleted(uid, obj)
