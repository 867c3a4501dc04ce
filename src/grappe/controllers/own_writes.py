"""Objects as we wrote them, until the informer shows them.

An informer trails the server by a moment. Deciding on what it shows plus what we wrote since
never repeats a write: no second pod for one that was just created, no second victim for one that
was just deleted. Resource versions of one server compare as numbers (KEP-5504).
"""

from __future__ import annotations

from collections.abc import Iterable

from grappe.api import Object
from grappe.client.informer import EventType, Informer


def _version(obj: Object) -> int:
    return int(obj["metadata"].get("resourceVersion") or 0)


class OwnWrites:
    """Writes to one resource, by the uid of the owner they were made for."""

    def __init__(self, informer: Informer) -> None:
        self._informer = informer
        self._written: dict[str, dict[str, Object]] = {}
        self._deleted: dict[str, dict[str, int]] = {}

    def wrote(self, owner_uid: str, obj: Object) -> None:
        """The answer of a create, update or patch."""
        self._written.setdefault(owner_uid, {})[obj["metadata"]["uid"]] = obj

    def deleted(self, owner_uid: str, obj: Object) -> None:
        """A delete of `obj`, as it was known, has been acknowledged (or it was gone)."""
        uid = obj["metadata"]["uid"]
        self._written.get(owner_uid, {}).pop(uid, None)
        self._deleted.setdefault(owner_uid, {})[uid] = _version(obj)

    def follow(self, owners: Informer) -> OwnWrites:
        """Forget what was written for an owner when that is gone."""
        owners.add_handler(self._owner_changed)
        return self

    def _owner_changed(self, event_type: EventType, owner: Object, old: Object | None) -> None:
        if event_type == "DELETED":
            self._written.pop(owner["metadata"]["uid"], None)
            self._deleted.pop(owner["metadata"]["uid"], None)

    def merged(self, owner_uid: str, found: Iterable[Object]) -> list[Object]:
        """What the informer shows for the owner, brought up to our writes; in order of name."""
        listed = {obj["metadata"]["uid"]: obj for obj in found}
        reached = self._informer.revision
        self._drop_seen(owner_uid, listed, reached)
        for uid, mine in self._written.get(owner_uid, {}).items():
            listed[uid] = mine
        for uid in self._deleted.get(owner_uid, ()):
            listed.pop(uid, None)
        return sorted(listed.values(), key=lambda obj: str(obj["metadata"]["name"]))

    def _drop_seen(self, owner_uid: str, listed: dict[str, Object], reached: int) -> None:
        written = self._written.get(owner_uid, {})
        for uid, mine in [*written.items()]:
            seen = _version(listed[uid]) if uid in listed else reached
            if seen >= _version(mine):
                del written[uid]
        deleted = self._deleted.get(owner_uid, {})
        for uid, version in [*deleted.items()]:
            shown = listed.get(uid)
            if shown is None:
                caught_up = reached >= version
            else:
                caught_up = bool(shown["metadata"].get("deletionTimestamp"))
            if caught_up:
                del deleted[uid]
        if not written:
            self._written.pop(owner_uid, None)
        if not deleted:
            self._deleted.pop(owner_uid, None)
