"""Namespace: look, act, report; there is nothing to decide but whether it is empty."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import NAMESPACES, PODS, Resource
from grappe.client.informer import EventType
from grappe.controllers.context import Context
from grappe.controllers.discovery import discover
from grappe.controllers.namespace.conditions import Progress, conditions, count
from grappe.controllers.statuses import write_status
from grappe.reconcile import Controller, Key, Result

FINALIZER = "kubernetes"
_LOOK_AGAIN = 5.0
"""Seconds, should the event that the last object is gone be missed."""


def build(context: Context) -> Controller:
    return NamespaceController(context).controller


class NamespaceController:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._clock = context.clock
        self._namespaces = context.informers.of(NAMESPACES)
        self.controller = Controller("namespace", reconcile=self.reconcile, concurrency=4)
        self._namespaces.add_handler(self._namespace_changed)
        context.everything.add_handler(self._content_changed)

    def _namespace_changed(self, event_type: EventType, obj: Object, old: Object | None) -> None:
        if obj["metadata"].get("deletionTimestamp") and event_type != "DELETED":
            self.controller.enqueue_object(obj)

    def _content_changed(
        self, resource: Resource, event_type: EventType, obj: Object, old: Object | None
    ) -> None:
        name = obj["metadata"].get("namespace")
        if not name:
            return
        namespace = self._namespaces.get(None, name)
        if namespace is not None and namespace["metadata"].get("deletionTimestamp"):
            # A little later, so that many that go at once are looked at once.
            self.controller.enqueue_after(None, name, 0.05)

    async def reconcile(self, key: Key) -> Result | None:
        namespace = self._namespaces.get(None, key.name)
        if namespace is None or not namespace["metadata"].get("deletionTimestamp"):
            return None
        if FINALIZER not in (namespace["spec"].get("finalizers") or ()):
            return None
        progress = await self._empty(key.name)
        if progress.is_empty:
            await self._finalize(namespace)
            return None
        old = (namespace.get("status") or {}).get("conditions")
        status = {
            **(namespace.get("status") or {}),
            "conditions": conditions(old, progress, self._clock.now()),
        }
        await write_status(self._client, NAMESPACES, namespace, status)
        return Result(_LOOK_AGAIN)

    async def _empty(self, name: str) -> Progress:
        """Delete what there is, pods first: nothing they use goes while one is left (KEP-5080).
        What is left afterwards."""
        pods = await self._empty_all([PODS], name, {})
        if not pods.is_empty:
            return pods
        found = await discover(self._client)
        wanted = [r for r in found if r.namespaced and {"list", "delete"} <= set(r.verbs)]
        return await self._empty_all(wanted, name, found.failures)

    async def _empty_all(
        self, wanted: Sequence[Resource], name: str, failures: Mapping[str, str]
    ) -> Progress:
        results = await asyncio.gather(*(self._empty_of(r, name) for r in wanted))
        remaining: dict[str, int] = {}
        finalizers: Counter[str] = Counter()
        errors = []
        for resource, result in zip(wanted, results, strict=True):
            if isinstance(result, ApiError):
                errors.append(result.message)
                continue
            left, held = count(f"{resource.plural}.{resource.group}", result)
            remaining |= left
            finalizers += held
        unasked = [f"{version}: {why}" for version, why in failures.items()]
        return Progress(remaining, finalizers, unasked, errors)

    async def _empty_of(self, resource: Resource, name: str) -> list[Object] | ApiError:
        try:
            present = (await self._client.list(resource, name)).items
            if all(o["metadata"].get("deletionTimestamp") for o in present):
                return present
            if "deletecollection" in resource.verbs:
                await self._client.delete_collection(resource, name)
            else:
                for obj in present:
                    await self._delete(resource, name, obj)
            return (await self._client.list(resource, name)).items
        except ApiError as error:
            # 404: the resource itself has gone, as when its CRD is deleted.
            return [] if error.code in (404, 405) else error

    async def _delete(self, resource: Resource, namespace: str, obj: Object) -> None:
        try:
            await self._client.delete(
                resource, obj["metadata"]["name"], namespace, propagation="Background"
            )
        except ApiError as error:
            if error.code != 404:
                raise

    async def _finalize(self, namespace: Object) -> None:
        """Take our finalizer off; the server removes the namespace when it was the last."""
        kept = [f for f in namespace["spec"].get("finalizers") or () if f != FINALIZER]
        body = {**namespace, "spec": {**namespace["spec"], "finalizers": kept}}
        try:
            await self._client.update(NAMESPACES, body, subresource="finalize")
        except ApiError as error:
            if error.code != 404:
                raise
