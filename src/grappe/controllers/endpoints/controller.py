"""Endpoints: look, decide, act."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import ENDPOINTS, PODS, SERVICES
from grappe.client.informer import EventType
from grappe.controllers.context import Context
from grappe.controllers.endpoints.decide import CONTROLLER_NAME, MANAGED_BY, decide
from grappe.controllers.informers import NAMESPACE
from grappe.controllers.pod_control import namespace_is_ending
from grappe.controllers.service_pods import ServiceWatch, is_served_by_pods
from grappe.reconcile import Controller, Key
from grappe.reconcile.versions import VersionTracker


def build(context: Context) -> Controller:
    return EndpointsController(context).controller


class EndpointsController:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._services = context.informers.of(SERVICES)
        self._pods = context.informers.of(PODS)
        self._endpoints = context.informers.of(ENDPOINTS)
        self._versions = VersionTracker(context.clock)
        self.controller = Controller("endpoints", reconcile=self.reconcile, concurrency=4)
        self._services.add_handler(self.controller.on_change)
        self._endpoints.add_handler(self._endpoints_changed)
        ServiceWatch(self.controller, self._services, self._pods)

    def _endpoints_changed(self, event_type: EventType, obj: Object, old: Object | None) -> None:
        if (obj["metadata"].get("labels") or {}).get(MANAGED_BY) == CONTROLLER_NAME:
            self.controller.enqueue_object(obj)

    async def reconcile(self, key: Key) -> None:
        service = self._services.get(*key)
        present = self._endpoints.get(*key)
        if self._versions.is_stale(key, present):
            return  # our own write is about to arrive, and enqueues the key again
        if service is None:
            await self._remove(key, present)
            return
        if service["metadata"].get("deletionTimestamp") or not is_served_by_pods(service):
            return
        pods = self._pods.by_index(NAMESPACE, key.namespace)
        wanted = decide(service, pods, present)
        if wanted is None:
            return
        try:
            if present is None:
                written = await self._client.create(ENDPOINTS, wanted)
            else:
                written = await self._client.update(ENDPOINTS, wanted)
        except ApiError as error:
            if namespace_is_ending(error):
                return
            raise
        self._versions.wrote(written)

    async def _remove(self, key: Key, present: Object | None) -> None:
        """The Service is gone; Endpoints that were not written here are somebody else's."""
        self._versions.forget(key)
        if present is None:
            return
        if (present["metadata"].get("labels") or {}).get(MANAGED_BY) != CONTROLLER_NAME:
            return
        try:
            await self._client.delete(
                ENDPOINTS, key.name, key.namespace, uid=present["metadata"]["uid"]
            )
        except ApiError as error:
            if error.code not in (404, 409):
                raise
