"""Random histories of writes, failed commits, watches and restarts against a model so simple
that it cannot be wrong: a list of every committed state."""

import asyncio
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.store.core import HistoryLimits, JournaledStore, Write
from grappe.store.interface import (
    CommitFailedError,
    CompactedError,
    Draft,
    Event,
    Record,
    RevisionMismatchError,
)
from grappe.store.memory import MemoryStore
from grappe.store.sqlite import SqliteStore

BUCKETS = ("/pods", "apps/deployments")
KEYS = ("a/1", "a/2", "a-b/1", "b/1", "é/1", "b")
NODES = ("", "n1", "n2")
INDEXES = ((BUCKETS[0], "node"),)

steps = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["put", "put", "put", "delete", "stale"]),
            st.sampled_from(BUCKETS),
            st.sampled_from(KEYS),
            st.sampled_from(NODES),
        ),
        st.tuples(st.just("commit")),
        st.tuples(st.just("commit")),
        st.tuples(st.just("fail")),
        st.tuples(st.just("watch"), st.sampled_from(BUCKETS), st.integers(0, 12)),
        st.tuples(st.just("restart")),
    ),
    max_size=40,
)


@dataclass
class Watch:
    bucket: str
    after: int
    seen: list[tuple[str, str, int]] = field(default_factory=list)

    def deliver(self, events: Sequence[Event]) -> None:
        self.seen += [(e.type, e.record.key, e.record.revision) for e in events]


class World:
    """The store under test, and what it should hold."""

    def __init__(self, path: Path | None, limits: HistoryLimits) -> None:
        self.path = path
        self.limits = limits
        self.store = self.open()
        self.states: list[tuple[int, dict[tuple[str, str], Record]]] = [(0, {})]
        self.events: list[tuple[str, str, str, int]] = []  # bucket, type, key, revision
        self.pending: list[tuple[str, str, str, Record | None, asyncio.Future[Record]]] = []
        self.watches: list[Watch] = []
        self.fail_next = False

    def open(self) -> JournaledStore:
        store = (
            SqliteStore.open(self.path, INDEXES, self.limits)
            if self.path
            else MemoryStore(INDEXES, self.limits)
        )
        append = store._journal.append

        def maybe_append(writes: Sequence[Write]) -> None:
            if self.fail_next:
                raise CommitFailedError("disk full")
            append(writes)

        store._journal.append = maybe_append  # type: ignore[method-assign]
        return store

    def newest(self, bucket: str, key: str) -> Record | None:
        for b, k, _, record, _ in reversed(self.pending):
            if (b, k) == (bucket, key):
                return record
        return self.states[-1][1].get((bucket, key))

    def write(self, action: str, bucket: str, key: str, node: str) -> None:
        found = self.newest(bucket, key)
        assert self.store.latest(bucket, key) == found
        expected = found.revision if found else 0
        draft = Draft(f"{key}{node}{expected}".encode(), {"n": node}, {"node": node})
        try:
            if action == "stale":
                self.store.put(bucket, key, expected + 1000, lambda _: draft)
            elif action == "put":
                future = self.store.put(bucket, key, expected, lambda _: draft)
            else:
                future = self.store.delete(bucket, key, expected, lambda _: draft)
        except RevisionMismatchError as error:
            refused_with = error.found
        else:
            refused_with = found
            kind = "DELETED" if action == "delete" else "MODIFIED" if found else "ADDED"
            record = self.store.latest(bucket, key) if action == "put" else None
            self.pending.append((bucket, key, kind, record, future))
        assert refused_with == found
        refused = self.store.latest(bucket, key) == found
        assert refused == (action == "stale" or (action == "delete" and found is None))

    async def commit(self, fail: bool) -> None:
        self.fail_next = fail
        pending, self.pending = self.pending, []
        answers = await asyncio.gather(*[p[4] for p in pending], return_exceptions=True)
        self.fail_next = False
        for (bucket, key, kind, record, _), answer in zip(pending, answers, strict=True):
            if fail:
                assert isinstance(answer, CommitFailedError)
                continue
            assert isinstance(answer, Record)
            state = dict(self.states[-1][1])
            if record is None:
                del state[bucket, key]
            else:
                state[bucket, key] = record
            assert answer.revision > self.states[-1][0]
            self.states.append((answer.revision, state))
            self.events.append((bucket, kind, key, answer.revision))
        self.check()

    def check(self) -> None:
        revision, state = self.states[-1]
        assert self.store.revision == revision
        for bucket in BUCKETS:
            records = records_of(state, bucket)
            assert self.store.list(bucket) == records
            assert self.store.count(bucket) == len(records)
            assert self.store.list(bucket, "a/", after="a/1") == [
                r for r in records if r.key.startswith("a/") and r.key > "a/1"
            ]
            for node in NODES:
                assert self.store.by_field(bucket, "node", node) == [
                    r for r in records if r.fields["node"] == node
                ]
            for at, old in self.states[-8:]:
                newer = [e for e in self.events if e[0] == bucket and e[3] > at]
                if len(newer) > self.limits.events:
                    with pytest.raises(CompactedError):
                        self.store.list(bucket, at=at)
                else:
                    assert self.store.list(bucket, at=at) == records_of(old, bucket)
        for watch in self.watches:
            assert watch.seen == [
                (kind, key, at)
                for bucket, kind, key, at in self.events
                if bucket == watch.bucket and at > watch.after
            ]

    def watch(self, bucket: str, after: int) -> None:
        watch = Watch(bucket, after)
        newer = [e for e in self.events if e[0] == bucket and e[3] > after]
        if len(newer) > self.limits.events:
            with pytest.raises(CompactedError):
                self.store.watch(bucket, after, watch.deliver)
        else:
            self.store.watch(bucket, after, watch.deliver)
            self.watches.append(watch)

    async def restart(self) -> None:
        if self.path is None:
            return
        await self.commit(fail=False)
        await self.store.close()
        self.store = self.open()
        self.watches.clear()
        self.check()


def records_of(state: dict[tuple[str, str], Record], bucket: str) -> list[Record]:
    return [state[b, k] for b, k in sorted(state) if b == bucket]


async def run(world: World, plan: Sequence[tuple[object, ...]]) -> None:
    for step in plan:
        match step:
            case ("commit",):
                await world.commit(fail=False)
            case ("fail",):
                await world.commit(fail=True)
            case ("watch", str(bucket), int(after)):
                world.watch(bucket, after)
            case ("restart",):
                await world.restart()
            case (str(action), str(bucket), str(key), str(node)):
                world.write(action, bucket, key, node)
    await world.commit(fail=False)
    await world.restart()
    await world.store.close()


limits = st.sampled_from([HistoryLimits(), HistoryLimits(events=3), HistoryLimits(events=0)])


@given(steps, limits)
@settings(max_examples=300, deadline=None)
def test_memory_store_is_the_model(plan: list[tuple[object, ...]], limits: HistoryLimits) -> None:
    asyncio.run(run(World(None, limits), plan))


@given(steps, limits)
@settings(max_examples=100, deadline=None)
def test_sqlite_store_is_the_model(plan: list[tuple[object, ...]], limits: HistoryLimits) -> None:
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(run(World(Path(directory) / "state.db", limits), plan))
