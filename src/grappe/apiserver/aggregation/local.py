"""The APIServices of what this server answers itself: one for each group version, always there.

https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/api-service-v1/
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import BUILTIN, CUSTOM_RESOURCE_DEFINITIONS, Resource
from grappe.apiserver.aggregation.services import API_SERVICES
from grappe.apiserver.discovery.groups import version_order
from grappe.apiserver.loopback import Loopback
from grappe.apiserver.records import body_of
from grappe.apiserver.upkeep import Upkeep
from grappe.store.interface import Event, Store

_MANAGED = "kube-aggregator.kubernetes.io/automanaged"
_AT_START, _ALWAYS = "onstart", "true"
"""Built-in group versions are set right once, at the start, those of definitions at any time: who
wants to keep one of another kind removes the label."""
_OWN_GROUP = "apiregistration.k8s.io"
_GROUP_PRIORITIES = {
    "": 18000,
    "apps": 17800,
    "events.k8s.io": 17750,
    "authentication.k8s.io": 17700,
    "authorization.k8s.io": 17600,
    "autoscaling": 17500,
    "batch": 17400,
    "certificates.k8s.io": 17300,
    "networking.k8s.io": 17200,
    "policy": 17100,
    "rbac.authorization.k8s.io": 17000,
    "storage.k8s.io": 16800,
    "apiextensions.k8s.io": 16700,
    "admissionregistration.k8s.io": 16700,
    "scheduling.k8s.io": 16600,
    "coordination.k8s.io": 16500,
    "node.k8s.io": 16300,
    "discovery.k8s.io": 16200,
    "resource.k8s.io": 16200,
    "flowcontrol.apiserver.k8s.io": 16100,
}
_OTHER_PRIORITY = 16000
_CUSTOM_PRIORITY = 1000
_VERSION_PRIORITY = 15
_CUSTOM_VERSION_PRIORITY = 100


def local_services(builtin: Iterable[Resource], custom: Iterable[Resource]) -> dict[str, Object]:
    """By name, the APIServices of all that is served: built in and custom."""
    found: dict[str, Object] = {}
    for group, version in dict.fromkeys((r.group, r.version) for r in builtin):
        if group != _OWN_GROUP:
            priority = _GROUP_PRIORITIES.get(group, _OTHER_PRIORITY)
            older = 0 if version == "v1" else _VERSION_PRIORITY
            made = _service(group, version, priority, _VERSION_PRIORITY + older, _AT_START)
            found[made["metadata"]["name"]] = made
    groups: dict[str, set[str]] = {}
    for resource in custom:
        groups.setdefault(resource.group, set()).add(resource.version)
    for group, versions in groups.items():
        for rank, version in enumerate(sorted(versions, key=version_order)):
            priority = max(1, _CUSTOM_VERSION_PRIORITY - rank)
            made = _service(group, version, _CUSTOM_PRIORITY, priority, _ALWAYS)
            found.setdefault(made["metadata"]["name"], made)
    return found


def _service(
    group: str, version: str, priority: int, version_priority: int, managed: str
) -> Object:
    spec: Object = {"groupPriorityMinimum": priority, "versionPriority": version_priority}
    if group:
        spec["group"] = group
    return {
        "kind": API_SERVICES.kind,
        "apiVersion": API_SERVICES.api_version,
        "metadata": {"name": f"{version}.{group}", "labels": {_MANAGED: managed}},
        "spec": {**spec, "version": version},
    }


def settled(wanted: Object | None, found: Object | None, first: bool) -> str:
    """What makes an APIService right: "create", "update", "delete" or nothing. `first`: it was
    there, or should have been, at the start, and has not been looked at since.

    As kube-aggregator's auto-registration decides.
    """
    managed = _managed(found)
    if not first and _managed(wanted) == _AT_START:
        return ""
    if found is None:
        return "create" if wanted is not None else ""
    if not managed or (managed == _AT_START and not first):
        return ""
    if wanted is None:
        return "delete"
    return "update" if found.get("spec") != wanted["spec"] else ""


def _managed(obj: Object | None) -> str:
    labels = (obj or {}).get("metadata", {}).get("labels") or {}
    managed: str = labels.get(_MANAGED, "")
    return managed if managed in (_AT_START, _ALWAYS) else ""


class LocalServices:
    """Makes them, and removes those of definitions that are gone. One that somebody has taken
    over is left alone. `custom` gives the custom resources served now."""

    def __init__(self, store: Store, custom: Callable[[], Iterable[Resource]]) -> None:
        self._store = store
        self._custom = custom
        self._loopback: Loopback | None = None
        self._upkeep = Upkeep("local apiservices", self._settle)
        self._due: set[str] = set()

    async def start(self, loopback: Loopback) -> None:
        """Returns when those of all that is served are there."""
        self._loopback = loopback
        store = self._store
        names = {*self._wanted(), *(r.key for r in store.list(API_SERVICES.bucket))}
        self._due = set(names)
        self._upkeep.start(
            store.watch(CUSTOM_RESOURCE_DEFINITIONS.bucket, store.revision, self._redefined),
            store.watch(API_SERVICES.bucket, store.revision, self._changed),
        )
        await asyncio.gather(*(self._first(name) for name in names))

    async def stop(self) -> None:
        await self._upkeep.stop()

    async def _first(self, name: str) -> None:
        try:
            await self._settle(name)
        except ApiError:
            self._upkeep.look_at([name])

    def _wanted(self) -> dict[str, Object]:
        return local_services(BUILTIN, self._custom())

    def _redefined(self, events: Sequence[Event]) -> None:
        """Definitions have changed: so may have the versions of their groups."""
        groups = {event.record.key.partition(".")[2] for event in events}
        names = {r.key for r in self._store.list(API_SERVICES.bucket)} | self._wanted().keys()
        self._upkeep.look_at(name for name in names if name.partition(".")[2] in groups)

    def _changed(self, events: Sequence[Event]) -> None:
        self._upkeep.look_at(
            event.record.key
            for event in events
            if event.type == "DELETED" or event.record.labels.get(_MANAGED) == _ALWAYS
        )

    async def _settle(self, name: str) -> None:
        assert self._loopback is not None
        wanted = self._wanted().get(name)
        record = self._store.get(API_SERVICES.bucket, name)
        found = body_of(record) if record is not None else None
        match settled(wanted, found, name in self._due):
            case "create":
                assert wanted is not None
                await self._loopback.create(API_SERVICES, wanted)
            case "update":
                assert wanted is not None
                assert found is not None
                assert record is not None
                metadata = {**found["metadata"], "resourceVersion": str(record.revision)}
                right = {**found, "metadata": metadata, "spec": wanted["spec"]}
                await self._loopback.update(API_SERVICES, right)
            case "delete":
                await self._loopback.delete(API_SERVICES, "", name)
        self._due.discard(name)
