"""What every Store must do. Subclass, give `make_store`, and pytest runs the whole contract.

class TestMine(StoreSuite):
    def make_store(self, indexes, limits): ...
"""

from __future__ import annotations

import asyncio
import random
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from grappe.store.core import HistoryLimits
from grappe.store.interface import (
    CompactedError,
    Draft,
    Event,
    FutureRevisionError,
    Record,
    RevisionMismatchError,
    Store,
)

PODS = "/pods"
INDEXES = ((PODS, "spec.nodeName"),)


def draft(text: str = "", *, node: str = "", labels: dict[str, str] | None = None) -> Draft:
    """A draft whose body carries `text`."""
    body = b'"metadata":{},"data":"%s"}' % text.encode()
    return Draft(body, labels or {}, {"spec.nodeName": node} if node else {})


async def put(store: Store, key: str, text: str = "", bucket: str = PODS, node: str = "") -> Record:
    """Write whatever is there now."""
    found = store.latest(bucket, key)
    expected = found.revision if found else 0
    return await store.put(bucket, key, expected, lambda _: draft(text, node=node))


async def delete(store: Store, key: str, bucket: str = PODS) -> Record:
    """Remove what is there now."""
    found = store.latest(bucket, key)
    assert found is not None
    return await store.delete(bucket, key, found.revision, lambda _: draft("gone"))


def keys(records: Sequence[Record]) -> list[str]:
    return [record.key for record in records]


class Watcher:
    """Collects what a watch delivers."""

    def __init__(self, store: Store, after: int = 0, bucket: str = PODS) -> None:
        self.batches: list[list[Event]] = []
        self.subscription = store.watch(bucket, after, lambda e: self.batches.append(list(e)))

    @property
    def seen(self) -> list[tuple[str, str, int]]:
        return [(e.type, e.record.key, e.record.revision) for b in self.batches for e in b]


class StoreSuite(ABC):
    """The contract of grappe.store.interface.Store."""

    @abstractmethod
    def make_store(self, indexes: Sequence[tuple[str, str]], limits: HistoryLimits | None) -> Store:
        """A new, empty store."""

    @pytest_asyncio.fixture
    async def store(self) -> AsyncIterator[Store]:
        store = self.make_store(INDEXES, None)
        yield store
        await store.close()

    @pytest_asyncio.fixture
    async def short_memory(self) -> AsyncIterator[Store]:
        """A store that keeps only five events of each bucket."""
        store = self.make_store(INDEXES, HistoryLimits(events=5))
        yield store
        await store.close()

    # -- writes ----------------------------------------------------------------------------------
    async def test_each_write_gets_the_next_revision(self, store: Store) -> None:
        first = await put(store, "a/1")
        second = await put(store, "a/2")
        third = await delete(store, "a/1")
        start = first.revision
        assert [second.revision, third.revision] == [start + 1, start + 2]
        assert store.revision == third.revision

    async def test_make_learns_the_revision_and_is_called_once(self, store: Store) -> None:
        given: list[int] = []

        def make(revision: int) -> Draft:
            given.append(revision)
            return draft(str(revision))

        record = await store.put(PODS, "a/1", 0, make)
        assert given == [record.revision]
        assert record.body == draft(str(record.revision)).body

    async def test_a_write_is_not_visible_before_its_commit(self, store: Store) -> None:
        watcher = Watcher(store)
        done = store.put(PODS, "a/1", 0, lambda _: draft())
        assert store.get(PODS, "a/1") is None
        assert keys(store.list(PODS)) == []
        assert store.revision == 0
        assert watcher.seen == []
        pending = store.latest(PODS, "a/1")
        record = await done
        assert pending == record
        assert store.get(PODS, "a/1") == record
        assert store.revision == record.revision

    async def test_a_write_is_checked_against_pending_state(self, store: Store) -> None:
        first = store.put(PODS, "a/1", 0, lambda _: draft("one"))
        with pytest.raises(RevisionMismatchError) as caught:
            store.put(PODS, "a/1", 0, lambda _: draft("two"))
        assert caught.value.found is not None
        second = store.put(PODS, "a/1", caught.value.found.revision, lambda _: draft("two"))
        assert (await first).revision < (await second).revision
        found = store.get(PODS, "a/1")
        assert found is not None
        assert found.body == draft("two").body

    async def test_a_stale_write_is_refused_and_takes_no_revision(self, store: Store) -> None:
        record = await put(store, "a/1")
        for expected in (0, record.revision + 1):
            with pytest.raises(RevisionMismatchError):
                store.put(PODS, "a/1", expected, lambda _: draft())
            with pytest.raises(RevisionMismatchError):
                store.delete(PODS, "a/1", expected, lambda _: draft())
        assert (await put(store, "a/2")).revision == record.revision + 1

    async def test_what_does_not_exist_cannot_be_updated_or_deleted(self, store: Store) -> None:
        with pytest.raises(RevisionMismatchError) as caught:
            store.put(PODS, "a/1", 7, lambda _: draft())
        assert caught.value.found is None
        with pytest.raises(RevisionMismatchError):
            store.delete(PODS, "a/1", 0, lambda _: draft())

    async def test_a_failing_make_changes_nothing(self, store: Store) -> None:
        def fail(_: int) -> Draft:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            store.put(PODS, "a/1", 0, fail)
        assert store.latest(PODS, "a/1") is None
        assert (await put(store, "a/1")).revision == 1

    async def test_create_delete_create_in_one_turn(self, store: Store) -> None:
        watcher = Watcher(store)
        one = store.put(PODS, "a/1", 0, lambda _: draft("one"))
        two = store.delete(PODS, "a/1", 1, lambda _: draft("gone"))
        assert store.latest(PODS, "a/1") is None
        three = store.put(PODS, "a/1", 0, lambda _: draft("three"))
        await asyncio.gather(one, two, three)
        found = store.get(PODS, "a/1")
        assert found is not None
        assert found.body == draft("three").body
        assert [kind for kind, _, _ in watcher.seen] == ["ADDED", "DELETED", "ADDED"]

    async def test_writes_of_one_turn_share_a_commit(self, store: Store) -> None:
        watcher = Watcher(store)
        await asyncio.gather(*[store.put(PODS, f"a/{i}", 0, lambda _: draft()) for i in range(10)])
        assert [len(batch) for batch in watcher.batches] == [10]

    async def test_a_writer_that_gave_up_does_not_disturb_the_others(self, store: Store) -> None:
        lost = store.put(PODS, "a/1", 0, lambda _: draft())
        kept = store.put(PODS, "a/2", 0, lambda _: draft())
        lost.cancel()
        await kept
        assert keys(store.list(PODS)) == ["a/1", "a/2"]

    # -- reads -----------------------------------------------------------------------------------
    async def test_buckets_are_apart(self, store: Store) -> None:
        await put(store, "a/1")
        await put(store, "a/1", bucket="apps/deployments")
        await delete(store, "a/1")
        assert store.buckets() == ["apps/deployments"]
        assert (store.count(PODS), store.count("apps/deployments")) == (0, 1)
        assert store.get(PODS, "a/1") is None

    async def test_list_is_in_key_order_with_prefix_and_after(self, store: Store) -> None:
        for key in ("b/2", "a/1", "b/1", "a-b/1", "c", "b/10"):
            await put(store, key)
        assert keys(store.list(PODS)) == ["a-b/1", "a/1", "b/1", "b/10", "b/2", "c"]
        assert keys(store.list(PODS, "b/")) == ["b/1", "b/10", "b/2"]
        assert keys(store.list(PODS, "b/", after="b/1")) == ["b/10", "b/2"]
        assert keys(store.list(PODS, "b/", after="a/1")) == ["b/1", "b/10", "b/2"]
        assert keys(store.list(PODS, "b/", after="b/2")) == []
        assert keys(store.list(PODS, after="a/1")) == ["b/1", "b/10", "b/2", "c"]
        assert keys(store.list(PODS, "z/")) == []

    async def test_a_list_is_a_snapshot(self, store: Store) -> None:
        record = await put(store, "a/1", "old")
        snapshot = store.list(PODS)
        await put(store, "a/1", "new")
        await put(store, "a/2")
        assert list(snapshot) == [record]

    async def test_list_at_an_older_revision(self, store: Store) -> None:
        one = await put(store, "a/1", "one")
        two = await put(store, "a/2", "two")
        changed = await put(store, "a/1", "changed")
        await delete(store, "a/2")
        await put(store, "b/3")
        assert store.list(PODS, at=one.revision) == [one]
        assert store.list(PODS, at=two.revision) == [one, two]
        assert store.list(PODS, "a/", after="a/1", at=changed.revision) == [two]
        assert store.list(PODS, at=changed.revision) == [changed, two]
        assert keys(store.list(PODS, at=store.revision)) == ["a/1", "b/3"]
        with pytest.raises(FutureRevisionError):
            store.list(PODS, at=store.revision + 1)

    async def test_pages_add_up_to_the_list_they_are_of(self, store: Store) -> None:
        numbers = random.Random(7)
        revisions = [store.revision]
        for step in range(200):
            key = f"{numbers.choice('ab')}/{numbers.randrange(20)}"
            live = store.get(PODS, key)
            if live is not None and numbers.random() < 0.4:
                await delete(store, key)
            else:
                await put(store, key, str(step))
            revisions.append(store.revision)
        for at in [None, *numbers.sample(revisions, 40)]:
            for prefix in ("", "a/", "z/"):
                for limit in (1, 3, 50):
                    whole = list(store.list(PODS, prefix, at=at))
                    found: list[Record] = []
                    left = len(whole)
                    while left:
                        after = found[-1].key if found else ""
                        page, left = store.page(PODS, limit, prefix, after=after, at=at)
                        found += page
                        assert len(page) == min(limit, len(page) + left)
                        assert left == len(whole) - len(found)
                    assert found == whole
        with pytest.raises(FutureRevisionError):
            store.page(PODS, 1, at=store.revision + 1)
        assert store.page("nothing", 1) == ([], 0)

    async def test_list_at_a_forgotten_revision(self, short_memory: Store) -> None:
        for i in range(10):
            await put(short_memory, "a/1", str(i))
        assert len(short_memory.list(PODS, at=5)) == 1
        with pytest.raises(CompactedError) as caught:
            short_memory.list(PODS, at=4)
        assert caught.value.oldest == 5

    @pytest.mark.parametrize("field", ["spec.nodeName", "unindexed"])
    async def test_by_field_follows_changes(self, store: Store, field: str) -> None:
        async def assign(key: str, node: str) -> None:
            found = store.latest(PODS, key)
            value = Draft(b"{}", {}, {field: node} if node else {})
            await store.put(PODS, key, found.revision if found else 0, lambda _: value)

        await assign("a/2", "n1")
        await assign("a/1", "n1")
        await assign("a/3", "")
        assert keys(store.by_field(PODS, field, "n1")) == ["a/1", "a/2"]
        await assign("a/1", "n2")
        await assign("a/3", "n1")
        await delete(store, "a/2")
        assert keys(store.by_field(PODS, field, "n1")) == ["a/3"]
        assert keys(store.by_field(PODS, field, "n2")) == ["a/1"]
        assert keys(store.by_field(PODS, field, "n3")) == []
        assert keys(store.by_field("none", field, "n1")) == []

    # -- watches ---------------------------------------------------------------------------------
    async def test_a_watch_gets_history_at_once_and_then_every_commit(self, store: Store) -> None:
        one = await put(store, "a/1")
        await put(store, "a/1", bucket="other")
        two = await put(store, "a/2")
        watcher = Watcher(store, after=one.revision)
        assert watcher.seen == [("ADDED", "a/2", two.revision)]
        three = await put(store, "a/2", "more")
        four = await delete(store, "a/1")
        assert watcher.seen[1:] == [
            ("MODIFIED", "a/2", three.revision),
            ("DELETED", "a/1", four.revision),
        ]
        last = watcher.batches[-1][0]
        assert last.previous == one
        assert last.record.body == draft("gone").body
        watcher.subscription.cancel()
        watcher.subscription.cancel()
        await put(store, "a/3")
        assert len(watcher.seen) == 3

    async def test_a_watch_has_seen_a_write_when_its_writer_is_answered(self, store: Store) -> None:
        watcher = Watcher(store)
        record = await put(store, "a/1")
        assert watcher.seen == [("ADDED", "a/1", record.revision)]

    async def test_a_watch_from_a_forgotten_revision_is_refused(self, short_memory: Store) -> None:
        for i in range(10):
            await put(short_memory, f"a/{i}")
        with pytest.raises(CompactedError) as caught:
            Watcher(short_memory, after=4)
        assert caught.value.oldest == 5
        assert len(Watcher(short_memory, after=5).seen) == 5

    async def test_history_is_bounded_in_bytes(self) -> None:
        store = self.make_store((), HistoryLimits(bytes=10_000))
        for i in range(30):
            await put(store, "a/1", "x" * 1000 + str(i))
        with pytest.raises(CompactedError):
            Watcher(store, after=20)
        assert len(Watcher(store, after=25).seen) == 5
        await store.close()

    async def test_a_watch_of_a_future_revision_waits_for_it(self, store: Store) -> None:
        await put(store, "a/1")
        watcher = Watcher(store, after=3)
        await asyncio.gather(
            *[store.put(PODS, f"a/{i}", 0, lambda _: draft()) for i in range(2, 5)]
        )
        assert watcher.seen == [("ADDED", "a/4", 4)]

    async def test_a_watch_begun_while_events_are_delivered_misses_and_repeats_nothing(
        self, store: Store
    ) -> None:
        inner: list[Watcher] = []

        def begin(_: Sequence[Event]) -> None:
            if not inner:
                inner.append(Watcher(store))

        store.watch(PODS, 0, begin)
        await put(store, "a/1")
        await put(store, "a/2")
        assert [revision for _, _, revision in inner[0].seen] == [1, 2]

    async def test_a_write_from_within_a_delivery_is_the_next_commit(self, store: Store) -> None:
        done: list[asyncio.Future[Record]] = []

        def write(events: Sequence[Event]) -> None:
            if not done:
                done.append(store.put(PODS, "a/2", 0, lambda _: draft()))

        store.watch(PODS, 0, write)
        await put(store, "a/1")
        assert (await done[0]).revision == 2

    async def test_a_watcher_that_cancels_another_is_obeyed(self, store: Store) -> None:
        second: list[Watcher] = []
        store.watch(PODS, 0, lambda _: second[0].subscription.cancel())
        second.append(Watcher(store))
        await put(store, "a/1")
        assert second[0].seen == []

    async def test_a_failing_watcher_is_ended_and_harms_nobody(
        self, store: Store, caplog: pytest.LogCaptureFixture
    ) -> None:
        calls: list[int] = []

        def fail(events: Sequence[Event]) -> None:
            calls.append(len(events))
            raise RuntimeError("broken watcher")

        store.watch(PODS, 0, fail)
        other = Watcher(store)
        await put(store, "a/1")
        await put(store, "a/2")
        assert len(other.seen) == 2
        assert calls == [1]
        assert "its watch ends" in caplog.text

    # -- end -------------------------------------------------------------------------------------
    async def test_close_commits_what_is_pending(self) -> None:
        store = self.make_store((), None)
        done = store.put(PODS, "a/1", 0, lambda _: draft())
        await store.close()
        assert (await done).revision == 1
        await store.close()
