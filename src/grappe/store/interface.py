"""What a store is: the contract every implementation passes (grappe.testing.store_suite).

A *bucket* holds one resource (`/pods`, `apps/deployments`: group, slash, plural); a *key* is
`namespace/name`, or `name` for what has no namespace. A write is checked at once against the
newest state (committed or still pending), gets its revision, and becomes visible to readers and
watchers only after its commit; its future resolves then. All methods are called on one event
loop; none blocks except the commit itself.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, Protocol

import msgspec

EventType = Literal["ADDED", "MODIFIED", "DELETED"]


class Record(msgspec.Struct, frozen=True, gc=False):
    """One object at one revision; immutable, so references to records are a snapshot.

    `body` is the object's JSON text after `{"kind":…,"apiVersion":…,`: it begins with
    `"metadata":` and ends with the object's closing brace, so that an answer is made by
    concatenation. `fields` holds what field selectors may ask, such as `spec.nodeName`.
    """

    key: str
    revision: int
    body: bytes
    labels: Mapping[str, str]
    fields: Mapping[str, str]


class Draft(msgspec.Struct, frozen=True, gc=False):
    """What a write wants to store; made once its revision is known."""

    body: bytes
    labels: Mapping[str, str]
    fields: Mapping[str, str]


class Event(msgspec.Struct, frozen=True, gc=False):
    """One committed change. `record` of a DELETED event is the last state, at the revision of
    its deletion; `previous` is what it replaced (None for ADDED)."""

    type: EventType
    record: Record
    previous: Record | None


class StoreError(Exception):
    """Base of the store's errors."""


class RevisionMismatchError(StoreError):
    """The newest state is not at the revision the writer expected.

    `found` is the newest record, or None when there is none.
    """

    def __init__(self, found: Record | None) -> None:
        super().__init__(f"found revision {found.revision if found else 0}")
        self.found = found


class CompactedError(StoreError):
    """The revision asked for is older than what is kept."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"revisions before {oldest} are compacted")
        self.oldest = oldest


class FutureRevisionError(StoreError):
    """The revision asked for has not been reached."""


class CommitFailedError(StoreError):
    """The disk refused the commit (full, read-only, damaged): nothing of it happened."""


class Subscription(Protocol):
    """A running watch."""

    def cancel(self) -> None:
        """Stop delivery; idempotent."""
        ...


class Store(Protocol):
    """A revisioned key-value store."""

    @property
    def revision(self) -> int:
        """The newest committed revision."""
        ...

    @property
    def healthy(self) -> bool:
        """Whether the disk takes what is written: no commit failed of late."""
        ...

    def buckets(self) -> Sequence[str]:
        """Every bucket that holds a record."""
        ...

    def get(self, bucket: str, key: str) -> Record | None:
        """The committed record."""
        ...

    def latest(self, bucket: str, key: str) -> Record | None:
        """The newest record, committed or pending: what a write is decided on."""
        ...

    def list(
        self, bucket: str, prefix: str = "", *, after: str = "", at: int | None = None
    ) -> Sequence[Record]:
        """Committed records in key order whose key starts with `prefix` and is above `after`.

        `at` asks for the state at an older revision; CompactedError when it is not kept,
        FutureRevisionError when it is above `revision`.
        """
        ...

    def page(
        self, bucket: str, limit: int, prefix: str = "", *, after: str = "", at: int | None = None
    ) -> tuple[Sequence[Record], int]:
        """The first `limit` (at least one) of what `list` finds, and how many are left; it costs
        what the page holds and what was written since `at`, not what the bucket holds."""
        ...

    def by_field(self, bucket: str, field: str, value: str) -> Sequence[Record]:
        """Committed records of `bucket` whose `fields[field] == value`, in key order.

        Indexed for the pairs the store was opened with, otherwise a scan.
        """
        ...

    def count(self, bucket: str) -> int:
        """How many committed records the bucket holds."""
        ...

    def put(
        self, bucket: str, key: str, expected: int, make: Callable[[int], Draft]
    ) -> Future[Record]:
        """Write if the newest state is at revision `expected` (0: does not exist).

        `make` is called once, synchronously, with the revision the write gets. Raises
        RevisionMismatchError at once; the future fails with CommitFailedError.
        """
        ...

    def delete(
        self, bucket: str, key: str, expected: int, make: Callable[[int], Draft]
    ) -> Future[Record]:
        """Remove if the newest state is at revision `expected`; `make` gives the last state
        that watchers see, at the revision of the deletion. Errors as for `put`."""
        ...

    def watch(
        self, bucket: str, after: int, deliver: Callable[[Sequence[Event]], None]
    ) -> Subscription:
        """Deliver every event above revision `after`, in order: first what is already
        committed, within this call, then each commit's batch as it happens.

        Raises CompactedError at once when events above `after` are no longer all kept.
        """
        ...

    def on_commit(self, told: Callable[[float, dict[tuple[str, EventType], int]], None]) -> None:
        """Call `told` after each commit with its seconds and how many writes of which (bucket,
        kind of event) it made."""
        ...

    async def close(self) -> None:
        """Commit what is pending and let go of the files."""
        ...
