"""Garbage collector: look, decide, act. Keys are uids."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import Resource
from grappe.client.informer import EventType
from grappe.client.interface import Propagation
from grappe.controllers.context import Context
from grappe.controllers.garbagecollector.decide import (
    Action,
    Delete,
    DropOwners,
    Fate,
    Nothing,
    Release,
    SetFree,
    Unblock,
    Visit,
    decide,
)
from grappe.controllers.garbagecollector.graph import ORPHAN, Graph, Node, Owner, node_of
from grappe.reconcile import Controller, Key

_ATTEMPTS = 5
_SOLID = 10_000
"""Owners that are remembered to be there; then all are asked for again."""


def build(context: Context) -> Controller:
    return GarbageCollector(context).controller


class GarbageCollector:
    def __init__(self, context: Context) -> None:
        self._client = context.client
        self._everything = context.everything
        self._graph = Graph()
        self._solid: dict[str, tuple[str, str | None, str]] = {}
        """Owners that were asked for and there, by uid: bucket, namespace, name. What ends an
        object is either its deletion, of which we hear, or makes it one that is kept."""
        self._changes = 0
        self.controller = Controller("garbagecollector", reconcile=self.reconcile, concurrency=20)
        self._everything.add_handler(self._changed)
        self._everything.add_resource_handler(self._resource_came)

    # -- what changes lead to ------------------------------------------------------------
    def _changed(
        self, resource: Resource, event_type: EventType, obj: Object, old: Object | None
    ) -> None:
        self._changes += 1
        self._solid.pop(obj["metadata"]["uid"], None)
        if old is not None and old["metadata"]["uid"] != obj["metadata"]["uid"]:
            self._gone(old["metadata"]["uid"])
        if event_type == "DELETED":
            self._gone(obj["metadata"]["uid"])
            return
        meta = obj["metadata"]
        if not meta.get("ownerReferences") and not meta.get("finalizers"):
            self._set_free(meta["uid"])
            return
        node = node_of(resource, obj)
        before = self._graph.set(node)
        if node.foreground or node.orphaning:
            if before is None or not (before.foreground or before.orphaning):
                self._enqueue(node.uid, *(d.uid for d in self._graph.dependents(node.uid)))
        elif node.owners and not node.deleting and self._is_in_doubt(node):
            self._enqueue(node.uid)
        if before is not None and before != node:
            self._enqueue_waiting(before.owners)
            if node.foreground:
                self._enqueue_waiting(node.owners)

    def _resource_came(self, resource: Resource) -> None:
        """Owners of this kind could not be looked up until now, or some may be gone."""
        self._changes += 1
        self._solid.clear()
        self._enqueue(*(n.uid for n in self._graph.with_owner_kind(resource.group, resource.kind)))

    def _set_free(self, uid: str) -> None:
        """The object has neither owners nor finalizers, perhaps no longer."""
        before = self._graph.remove(uid)
        if before is not None:
            self._enqueue_waiting(before.owners)

    def _gone(self, uid: str) -> None:
        before = self._graph.remove(uid)
        self._enqueue(*(d.uid for d in self._graph.dependents(uid)))
        if before is not None:
            self._enqueue_waiting(before.owners)

    def _enqueue(self, *uids: str) -> None:
        for uid in uids:
            self.controller.enqueue("", uid)

    def _enqueue_waiting(self, owners: Iterable[Owner]) -> None:
        for owner in owners:
            known = self._graph.get(owner.uid)
            if known is not None and known.foreground:
                self._enqueue(owner.uid)

    def _is_in_doubt(self, node: Node) -> bool:
        """Whether an owner is not known to be there and to stay."""
        return any(self._known_fate(node, owner) != "solid" for owner in node.owners)

    def _known_fate(self, node: Node, owner: Owner) -> Fate | None:
        """By the copies at hand; None: an owner that must be asked for."""
        resource = self._everything.by_kind(owner.api_version, owner.kind)
        if resource is None:
            return "solid" if self._everything.synced.is_set() else None
        if resource.namespaced and not node.namespace:
            return "solid"  # such a reference is invalid, and never a reason to delete
        place = _place(resource, node)
        if self._solid.get(owner.uid) == (resource.bucket, place, owner.name):
            return "solid"
        found = self._everything.get(resource, place, owner.name)
        if found is None or found["metadata"]["uid"] != owner.uid:
            return None
        return "waiting" if node_of(resource, found).foreground else "solid"

    # -- one object ------------------------------------------------------------
    async def reconcile(self, key: Key) -> None:
        await self._everything.synced.wait()
        node = self._graph.get(key.name)
        if node is None or not (node.foreground or node.orphaning or self._is_in_doubt(node)):
            return
        fresh = await self._read(node)
        if fresh is None or fresh.uid != node.uid:
            return  # its DELETED event is on the way
        dependents = self._graph.dependents(node.uid)
        fates: dict[str, Fate] = {}
        if not fresh.deleting:
            fates = {owner.uid: await self._fate(fresh, owner) for owner in fresh.owners}
        await self._act(fresh, decide(fresh, fates, dependents))

    async def _read(self, node: Node) -> Node | None:
        try:
            obj = await self._client.get(node.resource, node.name, node.namespace or None)
        except ApiError as error:
            if error.code == 404:
                return None
            raise
        return node_of(node.resource, obj)

    async def _fate(self, node: Node, owner: Owner) -> Fate:
        """Asked for anew unless it is known: only what the server says is gone is gone."""
        known = self._known_fate(node, owner)
        resource = self._everything.by_kind(owner.api_version, owner.kind)
        if known is not None or resource is None:
            return known or "solid"
        place, changes = _place(resource, node), self._changes
        try:
            obj = await self._client.get(resource, owner.name, place)
        except ApiError as error:
            if error.code == 404:
                return "absent"
            raise
        if obj["metadata"]["uid"] != owner.uid:
            return "absent"
        if obj["metadata"].get("finalizers"):
            return "waiting" if node_of(resource, obj).foreground else "solid"
        if changes == self._changes:  # else its end may have been told already
            if len(self._solid) >= _SOLID:
                self._solid.clear()
            self._solid[owner.uid] = (resource.bucket, place, owner.name)
        return "solid"

    async def _act(self, node: Node, action: Action) -> None:
        match action:
            case Nothing():
                pass
            case Delete(propagation):
                await self._delete(node, propagation)
            case DropOwners(uids):
                await self._drop_owners(node, uids)
            case Unblock():
                await self._unblock(node)
                await self._delete(node, "Foreground")
            case Release(finalizer):
                await self._release(node, finalizer)
            case Visit(uids):
                self._enqueue(*uids)
            case SetFree(uids):
                for uid in uids:
                    dependent = self._graph.get(uid)
                    if dependent is not None:
                        await self._drop_owners(dependent, frozenset((node.uid,)))
                await self._release(node, ORPHAN)

    async def _delete(self, node: Node, propagation: Propagation) -> None:
        try:
            await self._client.delete(
                node.resource,
                node.name,
                node.namespace or None,
                propagation=propagation,
                uid=node.uid,
            )
        except ApiError as error:
            if error.code not in (404, 409):
                raise

    async def _drop_owners(self, node: Node, uids: frozenset[str]) -> None:
        await self._edit(
            node,
            "ownerReferences",
            lambda refs: [r for r in refs if r["uid"] not in uids],
        )

    async def _unblock(self, node: Node) -> None:
        await self._edit(
            node,
            "ownerReferences",
            lambda refs: [{**r, "blockOwnerDeletion": False} for r in refs],
        )

    async def _release(self, node: Node, finalizer: str) -> None:
        await self._edit(node, "finalizers", lambda found: [f for f in found if f != finalizer])

    async def _edit(self, node: Node, field: str, change: Callable[[list[Any]], list[Any]]) -> None:
        """Change a list in the object's metadata, on the revision it was read at; nothing to do
        when the object is gone."""
        for attempt in range(_ATTEMPTS):
            try:
                obj = await self._client.get(node.resource, node.name, node.namespace or None)
                meta = obj["metadata"]
                before = meta.get(field) or []
                after = change(before)
                if meta["uid"] != node.uid or after == before:
                    return
                patch = {
                    "metadata": {
                        "uid": meta["uid"],
                        "resourceVersion": meta["resourceVersion"],
                        field: after or None,
                    }
                }
                await self._client.patch(node.resource, node.name, patch, node.namespace or None)
                return
            except ApiError as error:
                if error.code == 404:
                    return
                if error.code != 409 or attempt == _ATTEMPTS - 1:
                    raise


def _place(resource: Resource, node: Node) -> str | None:
    """Where an owner of `node` lives: beside it, or nowhere in particular."""
    return node.namespace if resource.namespaced else None
