"""What to do with one object: a pure function of it, its owners' fate and its dependents.

Rule: https://kubernetes.io/docs/concepts/architecture/garbage-collection/#cascading-deletion
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from grappe.controllers.garbagecollector.graph import FOREGROUND, Node

Fate = Literal["solid", "absent", "waiting"]
"""Of an owner: there; gone; being deleted in the foreground and waiting for its dependents."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """It may stay as it is."""


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete it, its own dependents in this way."""

    propagation: Literal["Background", "Foreground"]


@dataclass(frozen=True, slots=True)
class DropOwners:
    """Take the references to these owners off; others keep it alive."""

    uids: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unblock:
    """Two wait for each other: let its owners no longer wait for it, then delete it."""


@dataclass(frozen=True, slots=True)
class Release:
    """Nothing blocks it any more: take the finalizer off."""

    finalizer: str


@dataclass(frozen=True, slots=True)
class Visit:
    """Look at these dependents, which block it."""

    uids: frozenset[str]


@dataclass(frozen=True, slots=True)
class SetFree:
    """Take the references to it off these dependents, then its finalizer."""

    uids: frozenset[str]


Action: TypeAlias = Nothing | Delete | DropOwners | Unblock | Release | Visit | SetFree


def decide(node: Node, fates: Mapping[str, Fate], dependents: Sequence[Node]) -> Action:
    """The next step. `fates` has every owner of `node` by uid."""
    if node.orphaning:
        return SetFree(frozenset(d.uid for d in dependents))
    if node.foreground:
        blocking = [d for d in dependents if d.blocks(node.uid)]
        if not blocking:
            return Release(FOREGROUND)
        return Visit(frozenset(d.uid for d in blocking if not d.foreground))
    if node.deleting or not node.owners:
        return Nothing()
    useless = frozenset(uid for uid, fate in fates.items() if fate != "solid")
    if len(useless) < len(fates):
        return DropOwners(useless) if useless else Nothing()
    if "waiting" in fates.values() and dependents:
        if any(d.foreground for d in dependents):
            return Unblock()
        return Delete("Foreground")
    return Delete("Background")
