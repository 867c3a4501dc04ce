"""What every store does alike: check a write, give it a revision, commit in groups, tell watchers.

One group is what is written in a few turns of the event loop. It is handed to a Journal, which
makes it durable or refuses it as a whole; only then do readers and watchers see it and writers get
their answer. See docs/store.md for queues and bounds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from asyncio import Future
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import NamedTuple, Protocol

from grappe.store.bucket import Bucket
from grappe.store.interface import (
    CommitFailedError,
    CompactedError,
    Draft,
    Event,
    EventType,
    FutureRevisionError,
    Record,
    RevisionMismatchError,
    StoreError,
)
from grappe.store.sharing import SharedMappings

log = logging.getLogger("grappe.store")

_QUIET_TURNS = 2
"""Turns of the loop without another write after which a group is committed: a request that has
arrived needs one to become a task and one to write. A commit costs as much as fifty turns."""
_GROUP_SECONDS = 0.005
_GROUP_WRITES = 512
"""However busy the loop is, a group waits no longer and grows no larger than this."""

_REFUSED_SECONDS = 30.0
"""How long a failed commit makes the store unhealthy when nothing is written after it."""
_AGE_STEP = 60.0
"""Seconds between two looks at the age of history, and at what all of it weighs."""


@dataclass(frozen=True, slots=True)
class HistoryLimits:
    """How much history each bucket keeps for watchers and consistent lists: whichever of
    bytes, events and age (seconds) is reached first. All buckets together keep no more than
    `total_bytes`, looked at once a minute: those with the longest history give first."""

    bytes: int = 4 * 1024 * 1024
    events: int = 20_000
    seconds: float = 3600.0
    total_bytes: int = 64 * 1024 * 1024


class Write(NamedTuple):
    """A pending write."""

    bucket: str
    event: Event
    done: Future[Record]


class Journal(Protocol):
    """Where committed groups go."""

    def append(self, writes: Sequence[Write]) -> None:
        """Make the whole group durable before returning, or raise CommitFailedError and leave
        nothing of it behind."""
        ...

    def forget(self, revisions: Sequence[int]) -> None:
        """Nothing needs these revisions any more; they may be removed at leisure."""
        ...

    def close(self) -> None:
        """Let go of files."""
        ...


class _Subscription:
    """One watcher of one bucket."""

    __slots__ = ("_subscribers", "after", "deliver")

    def __init__(
        self,
        subscribers: dict[_Subscription, None],
        after: int,
        deliver: Callable[[Sequence[Event]], None],
    ) -> None:
        self._subscribers = subscribers
        self.after = after
        self.deliver = deliver
        subscribers[self] = None

    @property
    def active(self) -> bool:
        return self in self._subscribers

    def cancel(self) -> None:
        self._subscribers.pop(self, None)


class JournaledStore:
    """A Store over a Journal."""

    def __init__(
        self, journal: Journal, indexes: Iterable[tuple[str, str]], limits: HistoryLimits
    ) -> None:
        self._journal = journal
        self._limits = limits
        self._indexed: dict[str, list[str]] = {}
        for bucket, field in indexes:
            self._indexed.setdefault(bucket, []).append(field)
        self._buckets: dict[str, Bucket] = {}
        self._subscribers: dict[str, dict[_Subscription, None]] = {}
        self._revision = 0  # newest committed
        self._compacted = 0  # nothing at or below it can be watched, in buckets still empty too
        self._assigned = 0  # newest given out; never given out again, even when its commit fails
        self._pending: list[Write] = []
        self._overlay: dict[tuple[str, str], Record | None] = {}
        self._seen = 0  # pending writes when the loop last came round
        self._quiet = 0  # turns since then without another
        self._latest = 0.0  # when the group must be committed
        self._ages: deque[tuple[float, int]] = deque()  # (when, revision reached by then)
        self._aging: asyncio.TimerHandle | None = None
        self._closed = False
        self._shared = SharedMappings()
        self._refused = -inf  # when a commit failed, none having reached the disk since
        self._told: list[Callable[[float, dict[tuple[str, EventType], int]], None]] = []

    # -- reading ---------------------------------------------------------------------------------
    @property
    def revision(self) -> int:
        return self._revision

    @property
    def healthy(self) -> bool:
        return time.monotonic() - self._refused > _REFUSED_SECONDS

    def buckets(self) -> Sequence[str]:
        return sorted(name for name, bucket in self._buckets.items() if bucket.records)

    def get(self, bucket: str, key: str) -> Record | None:
        found = self._buckets.get(bucket)
        return found.records.get(key) if found is not None else None

    def latest(self, bucket: str, key: str) -> Record | None:
        try:
            return self._overlay[bucket, key]
        except KeyError:
            found = self._buckets.get(bucket)
            return found.records.get(key) if found is not None else None

    def list(
        self, bucket: str, prefix: str = "", *, after: str = "", at: int | None = None
    ) -> Sequence[Record]:
        found = self._bucket_at(bucket, at)
        if found is None:
            return []
        if at is None or at == self._revision:
            return found.select(prefix, after)
        return found.select_at(prefix, after, at)

    def page(
        self, bucket: str, limit: int, prefix: str = "", *, after: str = "", at: int | None = None
    ) -> tuple[Sequence[Record], int]:
        found = self._bucket_at(bucket, at)
        if found is None:
            return [], 0
        return found.page(prefix, after, limit, self._revision if at is None else at)

    def _bucket_at(self, name: str, at: int | None) -> Bucket | None:
        """The bucket, if anything was ever in it. FutureRevisionError for a revision not reached;
        CompactedError when nothing is known of so old a one."""
        if at is not None and at > self._revision:
            raise FutureRevisionError(f"revision {at} is above {self._revision}")
        found = self._buckets.get(name)
        if found is None and at is not None and at < self._compacted:
            raise CompactedError(self._compacted)
        return found

    def by_field(self, bucket: str, field: str, value: str) -> Sequence[Record]:
        found = self._buckets.get(bucket)
        return found.by_field(field, value) if found is not None else []

    def count(self, bucket: str) -> int:
        found = self._buckets.get(bucket)
        return len(found.records) if found is not None else 0

    def watch(
        self, bucket: str, after: int, deliver: Callable[[Sequence[Event]], None]
    ) -> _Subscription:
        found = self._buckets.get(bucket)
        if found is None and after < self._compacted:
            raise CompactedError(self._compacted)
        missed = found.events_after(after) if found is not None else []
        subscribers = self._subscribers.setdefault(bucket, {})
        subscription = _Subscription(subscribers, after, deliver)
        if missed:
            self._deliver(subscription, missed)
        return subscription

    # -- writing ---------------------------------------------------------------------------------
    def put(
        self, bucket: str, key: str, expected: int, make: Callable[[int], Draft]
    ) -> Future[Record]:
        previous = self.latest(bucket, key)
        if (previous.revision if previous is not None else 0) != expected:
            raise RevisionMismatchError(previous)
        return self._write(bucket, key, "ADDED" if previous is None else "MODIFIED", previous, make)

    def delete(
        self, bucket: str, key: str, expected: int, make: Callable[[int], Draft]
    ) -> Future[Record]:
        previous = self.latest(bucket, key)
        if previous is None or previous.revision != expected:
            raise RevisionMismatchError(previous)
        return self._write(bucket, key, "DELETED", previous, make)

    def _write(
        self,
        bucket: str,
        key: str,
        kind: str,
        previous: Record | None,
        make: Callable[[int], Draft],
    ) -> Future[Record]:
        if self._closed:
            raise StoreError("the store is closed")
        loop = asyncio.get_running_loop()
        revision = self._assigned + 1
        draft = make(revision)
        self._assigned = revision
        share = self._shared.of
        record = Record(key, revision, draft.body, share(draft.labels), share(draft.fields))
        done: Future[Record] = loop.create_future()
        self._overlay[bucket, key] = None if kind == "DELETED" else record
        if not self._pending:
            self._seen = self._quiet = 0
            self._latest = loop.time() + _GROUP_SECONDS
            loop.call_soon(self._gather, loop)
        self._pending.append(Write(bucket, Event(kind, record, previous), done))  # type: ignore[arg-type]
        return done

    def _gather(self, loop: asyncio.AbstractEventLoop) -> None:
        """Commit once no more writes come, or at the latest when the group is due."""
        count = len(self._pending)
        if count == self._seen:
            self._quiet += 1
        else:
            self._seen, self._quiet = count, 0
        if self._quiet < _QUIET_TURNS and count < _GROUP_WRITES and loop.time() < self._latest:
            loop.call_soon(self._gather, loop)
        else:
            self._commit()

    def _commit(self) -> None:
        """Make the pending group durable, then visible, then answer."""
        writes = self._pending
        if not writes:
            return
        self._pending = []
        self._overlay = {}
        began = time.perf_counter()
        try:
            self._journal.append(writes)
        except Exception as error:
            self._refused = time.monotonic()
            failure = error if isinstance(error, CommitFailedError) else None
            if failure is None:
                log.exception("commit failed")
                failure = CommitFailedError("the commit failed")
            for write in writes:
                if not write.done.done():
                    write.done.set_exception(failure)
            return
        took = time.perf_counter() - began
        self._refused = -inf
        batches: dict[str, list[Event]] = {}
        for name, event, _ in writes:
            events = batches.get(name)
            if events is None:
                events = batches[name] = []
            events.append(event)
        self._revision = writes[-1].event.record.revision
        for name, events in batches.items():
            bucket = self._bucket(name)
            for event in events:
                bucket.apply(event)
        self._trim(batches)
        # Who is told is settled before anyone is: a watch begun by a watcher has seen this group.
        audience = [
            (events, tuple(subscribers))
            for name, events in batches.items()
            if (subscribers := self._subscribers.get(name))
        ]
        for events, subscriptions in audience:
            for subscription in subscriptions:
                if subscription.active:
                    self._deliver(subscription, events)
        for write in writes:
            if not write.done.done():
                write.done.set_result(write.event.record)
        if self._told:
            self._tell(took, batches)

    def on_commit(self, told: Callable[[float, dict[tuple[str, EventType], int]], None]) -> None:
        self._told.append(told)

    def _tell(self, seconds: float, batches: Mapping[str, Sequence[Event]]) -> None:
        counts: dict[tuple[str, EventType], int] = {}
        for name, events in batches.items():
            for event in events:
                counts[name, event.type] = counts.get((name, event.type), 0) + 1
        for told in self._told:
            told(seconds, counts)

    def _deliver(self, subscription: _Subscription, events: Sequence[Event]) -> None:
        if events[0].record.revision <= subscription.after:
            # Only a watch that asked for revisions still to come.
            events = [e for e in events if e.record.revision > subscription.after]
            if not events:
                return
        try:
            subscription.deliver(events)
        except Exception:
            # A watcher that missed events must not go on as if it had not.
            log.exception("a watcher failed; its watch ends")
            subscription.cancel()

    # -- history ---------------------------------------------------------------------------------
    def _bucket(self, name: str) -> Bucket:
        bucket = self._buckets.get(name)
        if bucket is None:
            bucket = self._buckets[name] = Bucket(self._indexed.get(name, ()), self._compacted)
        return bucket

    def _trim(self, written: Iterable[str]) -> None:
        """Keep the history of the buckets just written in bounds."""
        if self._aging is None:
            self._look_at_age()
        dead: list[int] = []
        for name in written:
            dead.extend(self._buckets[name].trim(self._limits.bytes, self._limits.events, 0))
        if dead:
            self._journal.forget(dead)

    def _look_at_age(self) -> None:
        """Forget what is too old or too much in all buckets, also when nothing is written."""
        self._aging = asyncio.get_running_loop().call_later(_AGE_STEP, self._look_at_age)
        up_to, now, ages = 0, time.monotonic(), self._ages
        ages.append((now, self._revision))
        while ages and now - ages[0][0] >= self._limits.seconds:
            up_to = ages.popleft()[1]
        dead: list[int] = []
        for bucket in self._buckets.values():
            dead.extend(bucket.trim(self._limits.bytes, self._limits.events, up_to))
        excess = sum(b.history_bytes for b in self._buckets.values()) - self._limits.total_bytes
        while excess > 0:
            longest = max(self._buckets.values(), key=lambda b: b.history_bytes)
            before = longest.history_bytes
            dead.extend(longest.trim(before // 2, self._limits.events, 0))
            excess -= before - longest.history_bytes
        if dead:
            self._journal.forget(dead)

    def _floors(self) -> Mapping[str, int]:
        """The oldest revision each bucket still knows."""
        return {name: bucket.floor for name, bucket in self._buckets.items() if bucket.floor}

    async def close(self) -> None:
        if self._closed:
            return
        self._commit()
        if self._aging is not None:
            self._aging.cancel()
        self._closed = True
        self._journal.close()
