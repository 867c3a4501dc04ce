"""The objects every cluster has, made on the first start and put right on each later one.

Namespaces, RBAC defaults, system priority classes, the Services `kubernetes` and `kube-dns`, and
the range of cluster IPs.
What already exists is only touched where it is wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import SERVICE_CIDRS, builtin_kind
from grappe.apiserver.auth.rbac.default_roles import default_bindings, default_roles
from grappe.apiserver.auth.rbac.reconcile import completed
from grappe.apiserver.default_objects import (
    namespaces,
    priority_classes,
    service_range,
    services,
)
from grappe.apiserver.flowcontrol.control import FLOW_SCHEMAS, LEVELS
from grappe.apiserver.flowcontrol.keeping import put_right, unwanted
from grappe.apiserver.flowcontrol.objects import flow_objects
from grappe.apiserver.http.messages import Handler
from grappe.apiserver.loopback import Loopback
from grappe.apiserver.records import body_of
from grappe.apiserver.upkeep import Upkeep
from grappe.base.config import ClusterConfig
from grappe.store.interface import Event, Store

_PUT_RIGHT = frozenset((FLOW_SCHEMAS.bucket, LEVELS.bucket))
"""Buckets whose objects are also put right while the server runs."""

Correct = Callable[[Object, Object], Object | None]
"""(live, wanted) → what to write instead of the live object; None: it is right."""


async def bootstrap(config: ClusterConfig, store: Store, handler: Handler) -> None:
    """Make true what the default objects say. Idempotent; ApiError when a write is refused."""
    loopback = Loopback(handler)
    await _settle_all(
        store,
        loopback,
        [
            *_essential(config),
            *((obj, _only_missing) for obj in priority_classes()),
            *((obj, put_right) for obj in flow_objects()),
            *((obj, completed) for obj in (*default_roles(), *default_bindings())),
        ],
    )
    for resource in (FLOW_SCHEMAS, LEVELS):  # the schemas before what they name
        live = [body_of(record) for record in store.list(resource.bucket)]
        for name in list(unwanted(live, resource.kind)):
            await loopback.delete(resource, "", name)
    await _say_ready(config, store, loopback)


class Keeper:
    """Makes the default namespaces, services and objects of flow control again when they are
    deleted, and puts the latter right when they are changed, as an API server's own controllers
    do in Kubernetes. Runs from `start` to `stop`."""

    def __init__(self, config: ClusterConfig, store: Store, handler: Handler) -> None:
        self._config = config
        self._store = store
        self._loopback = Loopback(handler)
        self._wanted = [*_essential(config), *((obj, put_right) for obj in flow_objects())]
        self._places = {_place(obj) for obj, _ in self._wanted}
        self._upkeep = Upkeep("default objects", self._settle)

    def start(self) -> None:
        store = self._store
        self._upkeep.start(
            *(
                store.watch(bucket, store.revision, partial(self._changed, bucket))
                for bucket in sorted({bucket for bucket, _ in self._places})
            )
        )

    async def stop(self) -> None:
        await self._upkeep.stop()

    def _changed(self, bucket: str, events: Sequence[Event]) -> None:
        self._upkeep.look_at(
            bucket
            for event in events
            if (event.type == "DELETED" or bucket in _PUT_RIGHT)
            and (bucket, event.record.key) in self._places
        )

    async def _settle(self, bucket: str) -> None:
        await _settle_all(self._store, self._loopback, self._wanted)
        await _say_ready(self._config, self._store, self._loopback)


def _place(obj: Object) -> tuple[str, str]:
    """(bucket, key) of an object."""
    resource = builtin_kind(obj["apiVersion"], obj["kind"])
    assert resource is not None, obj["kind"]
    metadata = obj["metadata"]
    name: str = metadata["name"]
    return resource.bucket, f"{metadata['namespace']}/{name}" if resource.namespaced else name


def _essential(config: ClusterConfig) -> list[tuple[Object, Correct]]:
    """What is made again as soon as somebody deletes it."""
    return [
        *((obj, _only_missing) for obj in namespaces()),
        (service_range(config), _only_missing),
        *((obj, _overlaid) for obj in services(config)),
    ]


async def _say_ready(config: ClusterConfig, store: Store, loopback: Loopback) -> None:
    """The condition of the range of cluster IPs, unless somebody has told another."""
    wanted = service_range(config)
    live = _live(store, wanted)
    if (
        live is None
        or live["spec"] != wanted["spec"]
        or (live.get("status") or {}).get("conditions")
    ):
        return
    ready = {
        "type": "Ready",
        "status": "True",
        "reason": "",
        "message": "Kubernetes default Service CIDR is ready",
        "lastTransitionTime": live["metadata"]["creationTimestamp"],
    }
    await loopback.update(SERVICE_CIDRS, {**live, "status": {"conditions": [ready]}}, "status")


async def _settle_all(
    store: Store, loopback: Loopback, wanted: list[tuple[Object, Correct]]
) -> None:
    for of_namespaces in (False, True):  # what is in a namespace comes after it
        await asyncio.gather(
            *(
                _settle(store, loopback, obj, correct)
                for obj, correct in wanted
                if bool(obj["metadata"].get("namespace")) is of_namespaces
            )
        )


async def _settle(store: Store, loopback: Loopback, wanted: Object, correct: Correct) -> None:
    resource = builtin_kind(wanted["apiVersion"], wanted["kind"])
    assert resource is not None, wanted["kind"]
    live = _live(store, wanted)
    if live is None:
        await loopback.create(resource, wanted)
        return
    if live["metadata"].get("deletionTimestamp"):
        return
    better = correct(live, wanted)
    if better is None:
        return
    try:
        await loopback.update(resource, better)
    except ApiError as error:
        if error.code != 422:
            raise
        # A field that may not change (a role reference, a cluster IP) is wrong: start over.
        metadata = wanted["metadata"]
        await loopback.delete(resource, metadata.get("namespace", ""), metadata["name"])
        await loopback.create(resource, wanted)


def _live(store: Store, obj: Object) -> Object | None:
    record = store.get(*_place(obj))
    if record is None:
        return None
    return {"kind": obj["kind"], "apiVersion": obj["apiVersion"], **body_of(record)}


def _only_missing(live: Object, wanted: Object) -> None:
    return None


def _overlaid(live: Object, wanted: Object) -> Object | None:
    better = overlay(live, wanted)
    return None if better == live else better


def overlay(live: Object, wanted: Object) -> Object:
    """`live` with every value `wanted` says; objects are merged, lists are replaced unless each
    of their objects already says what is wanted."""
    found = dict(live)
    for name, value in wanted.items():
        have = live.get(name)
        if isinstance(value, dict) and isinstance(have, dict):
            found[name] = overlay(have, value)
        elif not (isinstance(value, list) and isinstance(have, list) and _says(have, value)):
            found[name] = value
    return found


def _says(have: list[object], wanted: list[object]) -> bool:
    return len(have) == len(wanted) and all(
        overlay(h, w) == h if isinstance(h, dict) and isinstance(w, dict) else h == w
        for h, w in zip(have, wanted, strict=True)
    )
