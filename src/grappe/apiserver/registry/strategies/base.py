"""The rule every kind follows unless its own strategy says otherwise.

`status` belongs to the status subresource: a plain write keeps the old one, a status write keeps
everything else; `generation` counts changes of what users ask for
(https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/
api-conventions.md).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from grappe.api import Object
from grappe.api.errors import Cause
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.interface import ServedResource


def _nothing() -> None:
    pass


class Reservation(NamedTuple):
    """What a write has taken for itself, or will give back: exactly one of the two is called,
    when it has failed or is committed."""

    undo: Callable[[], None] = _nothing
    confirm: Callable[[], None] = _nothing


NO_RESERVATION = Reservation()


def settle_only(new: Object, old: Object, part: str) -> None:
    """Keep everything of `old` in `new` except its metadata and this part."""
    for name in {*new, *old} - {"metadata", part, "kind", "apiVersion"}:
        if name in old:
            new[name] = old[name]
        else:
            del new[name]


class Strategy:
    """What is particular to a kind. All methods are synchronous and may change only the object
    they are given first. `generation`: whether the kind counts its changes. `orphans`: whether a
    deletion that names no propagation policy leaves dependents behind, of which
    `deletion_warning` tells. `deliberates`: whether validation may take long (expressions are
    compiled or evaluated), so that it is made in turns. `counted`: numbers that a status tells from
    the start."""

    create_on_update = False
    unconditional_update = True
    returns_deleted = False
    generation = False
    status_keeps_metadata = False
    orphans = False
    deliberates = False
    deletion_warning = ""
    counted: tuple[str, ...] = ()

    def __init__(self, served: ServedResource) -> None:
        self.has_status = "status" in served.resource.subresources

    def prepare_create(self, obj: Object, user: User) -> Sequence[str] | None:
        """Settle a new object: uid and creation time are already there. Warnings, if any."""
        if self.has_status:
            obj["status"] = self.initial_status(obj)
        if self.generation:
            obj["metadata"]["generation"] = 1
        return None

    def initial_status(self, obj: Object) -> Object:
        return dict.fromkeys(self.counted, 0)

    def keep_apart(self, subresource: str, new: Object, old: Object) -> None:
        """Undo in `new` what this subresource does not reach, before its fields are counted as
        its writer's."""
        if subresource == "status":
            settle_only(new, old, "status")
        elif self.has_status and not subresource:
            if "status" in old:
                new["status"] = old["status"]
            else:
                new.pop("status", None)

    def prepare(self, subresource: str, new: Object, old: Object) -> None:
        """Settle an update of the object (`subresource` empty) or of one of its subresources."""
        if subresource == "status":
            self.prepare_status(new, old)
        else:
            self.prepare_update(new, old)

    def prepare_update(self, new: Object, old: Object) -> None:
        """Settle a plain update."""
        self.keep_apart("", new, old)
        if self.generation and self.asks_otherwise(new, old):
            self.count(new)

    @staticmethod
    def count(obj: Object) -> None:
        """One more generation."""
        metadata = obj["metadata"]
        metadata["generation"] = int(metadata.get("generation") or 0) + 1

    def asks_otherwise(self, new: Object, old: Object) -> bool:
        """Whether the desired state differs, so that `generation` counts."""
        return bool(new.get("spec") != old.get("spec"))

    def prepare_status(self, new: Object, old: Object) -> None:
        """Settle an update of the status subresource: all but status stays."""
        self.keep_apart("status", new, old)
        if self.status_keeps_metadata:
            metadata, before = new["metadata"], old["metadata"]
            for name in ("labels", "annotations", "finalizers", "ownerReferences"):
                if name in before:
                    metadata[name] = before[name]
                else:
                    metadata.pop(name, None)

    def validate_create(self, obj: Object) -> list[Cause]:
        """What is wrong with a new object, beyond its schema and validation rules."""
        return []

    def validate_update(self, new: Object, old: Object) -> list[Cause]:
        """What is wrong with an update, beyond its schema and validation rules."""
        return []

    def reserve(self, new: Object, old: Object | None) -> Reservation:
        """Take what must be unique in the cluster (addresses, ports) just before the write and
        put it into `new`; ApiError 422 when it is not to be had."""
        return NO_RESERVATION

    def release(self, obj: Object) -> Reservation:
        """What the deletion of `obj` gives back once it is committed."""
        return NO_RESERVATION

    def grace_period(self, obj: Object, asked: int | None) -> int | None:
        """Seconds between the deletion request and the end; None: the kind ends at once."""
        return None

    def marked(self, obj: Object) -> None:
        """The object has just been marked for deletion: settle what that changes in it."""

    def holds_back(self, obj: Object) -> bool:
        """Whether something besides `metadata.finalizers` keeps a deleted object."""
        return False
