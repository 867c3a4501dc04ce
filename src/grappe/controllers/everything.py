"""Watches the metadata of every object of every resource, custom ones included as they come.

Resources that some controller watches anyway are not watched twice. Of the others only objects
with owners or finalizers are kept: a hundred thousand without either cost nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeAlias

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import (
    CUSTOM_RESOURCE_DEFINITIONS,
    EVENTS,
    Resource,
    builtin,
)
from grappe.client.informer import EventType, Informer
from grappe.client.interface import Client, TransportError
from grappe.controllers.discovery import Discovered, discover
from grappe.controllers.informers import SharedInformers

log = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[Resource, EventType, Object, Object | None], None]

_NEEDED_VERBS = {"delete", "list", "watch"}
_NOT_WATCHED = {EVENTS.bucket, "events.k8s.io/events"}
"""Nothing owns events, and there are many."""
_META = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "ownerReferences",
    "finalizers",
    "deletionTimestamp",
)
_SETTLE = 0.1
"""Seconds between a change of the CRDs and asking what is served, so that many count as one."""
_RETRY = 10.0
_PATIENCE = 10.0
"""Seconds for the first list of what is new; what is not known by then is asked for one by one."""


def metadata_only(obj: Object) -> Object | None:
    """What an object's place in the graph depends on; None when it has neither owners nor
    finalizers."""
    meta = obj["metadata"]
    if not meta.get("ownerReferences") and not meta.get("finalizers"):
        return None
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "metadata": {key: meta[key] for key in _META if key in meta},
    }


class Everything:
    """Informers over all that is served. `resources` grows and shrinks with CRDs."""

    def __init__(self, client: Client, shared: SharedInformers) -> None:
        self._client = client
        self._shared = shared
        self._handlers: list[Handler] = []
        self._resource_handlers: list[Callable[[Resource], None]] = []
        self._informers: dict[str, Informer] = {}
        self._unannounced: dict[str, Resource] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self.synced = asyncio.Event()
        """Set once everything served at the start has been listed."""
        self.resources: Mapping[str, Resource] = {}
        """By bucket."""
        aggregated = builtin("apiregistration.k8s.io", "v1", "apiservices")
        for resource in (CUSTOM_RESOURCE_DEFINITIONS, aggregated):
            if resource is not None:
                shared.of(resource).add_handler(self._definition_changed)

    def add_handler(self, handler: Handler) -> None:
        """Call `handler(resource, type, object, old)` for every change of what is kept, and for
        every deletion that is seen. Add before `run`."""
        self._handlers.append(handler)

    def add_resource_handler(self, handler: Callable[[Resource], None]) -> None:
        """Call `handler(resource)` when all of a newly served resource is known, and whenever
        deletions of its objects may have been missed."""
        self._resource_handlers.append(handler)

    def by_kind(self, api_version: str, kind: str) -> Resource | None:
        """The resource of a kind, whichever version of its group is named."""
        group = api_version.rpartition("/")[0]
        for resource in self.resources.values():
            if resource.kind == kind and resource.group == group:
                return resource
        return None

    def get(self, resource: Resource, namespace: str | None, name: str) -> Object | None:
        """What is kept of an object."""
        informer = self._informers.get(resource.bucket)
        return None if informer is None else informer.get(namespace, name)

    async def run(self) -> None:
        """Follow what is served until cancelled."""
        try:
            while True:
                self._changed.clear()
                retry: float | None = None
                try:
                    found = await discover(self._client)
                    await self._follow(found)
                    retry = _RETRY if found.failures or self._unannounced else None
                except (ApiError, TransportError) as error:
                    log.warning("cannot find out what is served: %s", error)
                    retry = _RETRY
                await self._wait(retry)
        finally:
            for task in self._tasks.values():
                task.cancel()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _wait(self, retry: float | None) -> None:
        try:
            async with asyncio.timeout(retry):
                await self._changed.wait()
        except TimeoutError:
            return
        await asyncio.sleep(_SETTLE)

    def _definition_changed(self, event_type: EventType, obj: Object, old: Object | None) -> None:
        self._changed.set()

    async def _follow(self, found: Discovered) -> None:
        wanted = {
            r.bucket: r
            for r in found
            if r.bucket not in _NOT_WATCHED and set(r.verbs) >= _NEEDED_VERBS
        }
        new = [r for bucket, r in wanted.items() if self._differs(bucket, r)]
        unasked = {version.rpartition("/")[0] for version in found.failures}
        for bucket, resource in [*self.resources.items()]:
            if bucket not in wanted and resource.group in unasked:
                wanted[bucket] = resource
            elif wanted.get(bucket) != resource:
                await self._drop(resource)
        self.resources = wanted
        for resource in new:
            self._add(resource)
            self._unannounced[resource.bucket] = resource
        await self._announce()

    async def _announce(self) -> None:
        """Wait until what is new is listed, but no longer than it takes: a resource whose CRD is
        deleted at once, or whose lists fail, must not hold up all others."""
        listed = asyncio.create_task(self._listed())
        changed = asyncio.create_task(self._changed.wait())
        both: set[asyncio.Task[Any]] = {listed, changed}
        try:
            await asyncio.wait(both, timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            if listed.done() or not changed.done():
                self.synced.set()
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)
        for bucket, resource in [*self._unannounced.items()]:
            if self._informers[bucket].synced.is_set():
                del self._unannounced[bucket]
                for handler in self._resource_handlers:
                    handler(resource)

    async def _listed(self) -> None:
        for bucket in [*self._unannounced]:
            await self._informers[bucket].synced.wait()

    def _differs(self, bucket: str, resource: Resource) -> bool:
        return bucket not in self._informers or self.resources.get(bucket) != resource

    def _add(self, resource: Resource) -> None:
        informer = self._shared.existing(resource)
        if informer is None:
            informer = Informer(self._client, resource, transform=metadata_only, all_deletions=True)
            informer.add_list_handler(partial(self._listed_anew, resource))
            name = f"metadata {resource.plural}"
            self._tasks[resource.bucket] = asyncio.create_task(informer.run(), name=name)
        self._informers[resource.bucket] = informer
        informer.add_handler(partial(self._tell, resource))

    async def _drop(self, resource: Resource) -> None:
        """A resource that is served no more: its objects are gone with it."""
        informer = self._informers.pop(resource.bucket)
        self._unannounced.pop(resource.bucket, None)
        task = self._tasks.pop(resource.bucket, None)
        if task is None:
            return
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for obj in informer.list():
            self._tell(resource, "DELETED", obj, obj)

    def _listed_anew(self, resource: Resource) -> None:
        if resource.bucket not in self._unannounced:
            for handler in self._resource_handlers:
                handler(resource)

    def _tell(
        self, resource: Resource, event_type: EventType, obj: Object, old: Object | None
    ) -> None:
        for handler in self._handlers:
            handler(resource, event_type, obj, old)
