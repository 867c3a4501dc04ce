"""Read your own writes: skip a decision while the local copy is older than our last write.

An informer's copy trails the server by a moment. A controller that decides on it again just after
a write repeats the write (a second pod, a second event). Resource versions of one server may be
compared as numbers (KEP-5504).
"""

from __future__ import annotations

from grappe.api import Object
from grappe.base.clock import Clock, SystemClock
from grappe.reconcile.controller import Key

_FORGET_AFTER = 30.0


class VersionTracker:
    """What was last written of each object, until the copy shows it.

    A write is forgotten after 30 s, should the copy never show it (the object was deleted before
    the copy saw it).
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._written: dict[Key, tuple[int, float]] = {}

    def wrote(self, obj: Object) -> None:
        """Remember the answer of a write."""
        meta = obj["metadata"]
        key = Key(meta.get("namespace") or "", meta["name"])
        self._written[key] = (int(meta["resourceVersion"]), self._clock.elapsed())

    def forget(self, key: Key) -> None:
        """The object is gone."""
        self._written.pop(key, None)

    def newest(self, key: Key, copy: Object | None) -> Object | None:
        """`copy` if it may be decided on: None when the object is gone, and when it is older than
        our last write, which will be noticed, and enqueue the key, when it arrives."""
        if copy is None:
            self.forget(key)
            return None
        return None if self.is_stale(key, copy) else copy

    def is_stale(self, key: Key, copy: Object | None) -> bool:
        """Whether `copy` (None: not there) is from before our last write."""
        written = self._written.get(key)
        if written is None:
            return False
        version, when = written
        seen = int(copy["metadata"]["resourceVersion"]) if copy is not None else 0
        if seen >= version or self._clock.elapsed() - when > _FORGET_AFTER:
            del self._written[key]
            return False
        return True
