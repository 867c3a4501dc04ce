"""A bucket of the store, read once and followed: for whoever must know all of its objects.

Must never write.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Generic, TypeVar

from grappe.store.interface import Event, Record, Store, Subscription

T = TypeVar("T")


class Followed(Generic[T]):
    """`by_key` is what `read` makes of each record, from `start` to `stop`. `changed` is called
    with the keys of what has changed, as soon as it is committed."""

    def __init__(
        self,
        store: Store,
        bucket: str,
        read: Callable[[Record], T],
        changed: Callable[[Collection[str]], None],
    ) -> None:
        self._store = store
        self._bucket = bucket
        self._read = read
        self._changed = changed
        self._subscription: Subscription | None = None
        self.by_key: dict[str, T] = {}

    def start(self) -> None:
        revision = self._store.revision
        self.by_key = {r.key: self._read(r) for r in self._store.list(self._bucket)}
        self._subscription = self._store.watch(self._bucket, revision, self._apply)
        self._changed(self.by_key)

    def stop(self) -> None:
        if self._subscription is not None:
            self._subscription.cancel()

    def _apply(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.type == "DELETED":
                self.by_key.pop(event.record.key, None)
            else:
                self.by_key[event.record.key] = self._read(event.record)
        self._changed([event.record.key for event in events])
