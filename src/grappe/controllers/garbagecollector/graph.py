"""Who depends on whom: only objects that have owners, or wait for their dependents, are kept."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from grappe.api import Object
from grappe.api.resources import Resource

FOREGROUND = "foregroundDeletion"
ORPHAN = "orphan"


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner reference."""

    uid: str
    api_version: str
    kind: str
    name: str
    blocking: bool


@dataclass(frozen=True, slots=True)
class Node:
    """An object in the graph."""

    uid: str
    resource: Resource
    namespace: str
    name: str
    owners: tuple[Owner, ...]
    deleting: bool
    foreground: bool
    """Being deleted, and waits until its blocking dependents are gone."""
    orphaning: bool
    """Being deleted, and waits until its dependents have been set free."""

    def blocks(self, owner_uid: str) -> bool:
        """Whether the owner's foreground deletion waits for this object."""
        return any(o.uid == owner_uid and o.blocking for o in self.owners)


def node_of(resource: Resource, obj: Object) -> Node:
    """The node of an object, of which only metadata is looked at."""
    meta = obj["metadata"]
    deleting = bool(meta.get("deletionTimestamp"))
    finalizers = meta.get("finalizers") or ()
    return Node(
        uid=meta["uid"],
        resource=resource,
        namespace=meta.get("namespace") or "",
        name=meta["name"],
        owners=tuple(
            Owner(
                o["uid"],
                o.get("apiVersion") or "",
                o.get("kind") or "",
                o.get("name") or "",
                bool(o.get("blockOwnerDeletion")),
            )
            for o in meta.get("ownerReferences") or ()
        ),
        deleting=deleting,
        foreground=deleting and FOREGROUND in finalizers,
        orphaning=deleting and ORPHAN in finalizers,
    )


class Graph:
    """Nodes by uid, and the dependents of each owner, known or not."""

    def __init__(self) -> None:
        self._nodes: dict[str, Node] = {}
        self._dependents: dict[str, set[str]] = {}

    def __len__(self) -> int:
        return len(self._nodes)

    def get(self, uid: str) -> Node | None:
        return self._nodes.get(uid)

    def dependents(self, uid: str) -> list[Node]:
        """The objects that name `uid` as an owner."""
        return [self._nodes[d] for d in self._dependents.get(uid, ())]

    def set(self, node: Node) -> Node | None:
        """Take an object's newest state; what was known before is returned."""
        old = self._nodes.get(node.uid)
        self._unlink(old)
        if node.owners or node.foreground or node.orphaning:
            self._nodes[node.uid] = node
            for owner in node.owners:
                self._dependents.setdefault(owner.uid, set()).add(node.uid)
        return old

    def remove(self, uid: str) -> Node | None:
        """Forget an object; what was known is returned."""
        old = self._nodes.get(uid)
        self._unlink(old)
        return old

    def with_owner_kind(self, group: str, kind: str) -> Iterable[Node]:
        """The objects that name an owner of this kind."""
        return [
            node
            for node in self._nodes.values()
            if any(
                o.kind == kind and o.api_version.rpartition("/")[0] == group for o in node.owners
            )
        ]

    def _unlink(self, old: Node | None) -> None:
        if old is None:
            return
        del self._nodes[old.uid]
        for owner in old.owners:
            dependents = self._dependents.get(owner.uid)
            if dependents is not None:
                dependents.discard(old.uid)
                if not dependents:
                    del self._dependents[owner.uid]
