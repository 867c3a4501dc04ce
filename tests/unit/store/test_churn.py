"""The file and its write-ahead log stay in proportion to what is alive, however long they live."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from grappe.store import core
from grappe.store.core import HistoryLimits
from grappe.store.sqlite import SqliteStore
from grappe.testing.store_suite import PODS, delete, draft, put

BUCKETS = [f"group{n}/things" for n in range(40)]
LIMITS = HistoryLimits(bytes=100_000, events=300)
LOG_BOUND = 5_500_000  # a thousand pages, and the group that goes beyond them
CHURN = 600  # writes to leases each day


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


async def job(store: SqliteStore, bucket: str, day: int, turn: int) -> None:
    """One more, and the one before it goes."""
    await put(store, f"a/job-{day}-{turn}", "j" * 2000, bucket=bucket)
    if turn:
        await delete(store, f"a/job-{day}-{turn - 1}", bucket=bucket)


async def a_day(store: SqliteStore, day: int) -> None:
    """Leases renewed all day, jobs that come and go, big objects replaced and deleted."""
    for turn in range(CHURN // 20):
        writes = []
        for number in range(20):
            key = f"a/{number}"
            found = store.latest("leases", key)
            text = f"{day} {turn} " * 40
            writes.append(
                store.put("leases", key, found.revision if found else 0, lambda _, t=text: draft(t))
            )
        await asyncio.gather(*writes)
        await asyncio.gather(*[job(store, bucket, day, turn) for bucket in BUCKETS])
    await asyncio.gather(*[delete(store, f"a/job-{day}-{turn}", bucket=b) for b in BUCKETS])
    await put(store, f"a/big-{day}", "b" * 1_500_000)
    await delete(store, f"a/big-{day}")


async def test_after_a_week_of_churn_the_file_is_as_large_as_after_a_day(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    log = Path(f"{path}-wal")
    store = SqliteStore.open(path, limits=LIMITS)
    for number in range(500):
        await put(store, f"a/kept-{number}", "k" * 1000)
    journal = store._journal
    sizes, logs = [], []
    for day in range(7):
        await a_day(store, day)
        logs.append(log.stat().st_size)
        await until(lambda: journal._timer is None)  # type: ignore[attr-defined]
        sizes.append(path.stat().st_size)
    live = sum(len(r.body) for b in store.buckets() for r in store.list(b))
    history = sum(b.history_bytes for b in store._buckets.values())
    await store.close()
    assert max(logs) <= LOG_BOUND, logs
    assert history <= 42 * LIMITS.bytes
    # A deletion stands in the file beside the state before it until history forgets both.
    assert max(sizes) < 2 * (live + 2 * history) + 2_000_000, (sizes, live, history)
    assert sizes[-1] < 1.2 * max(sizes[:2]), sizes


async def test_an_idle_store_forgets_its_history_and_shrinks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "_AGE_STEP", 0.05)
    path = tmp_path / "state.db"
    store = SqliteStore.open(path, limits=HistoryLimits(seconds=0.3))
    for number in range(200):
        await put(store, f"a/{number}", "x" * 10_000)
    for number in range(200):
        await delete(store, f"a/{number}")
    journal = store._journal
    await until(lambda: not store._buckets[PODS].history_bytes)  # not one write more
    await until(lambda: not journal._dead and journal._timer is None)  # type: ignore[attr-defined]
    await store.close()
    assert path.stat().st_size < 1_500_000


async def test_all_buckets_together_keep_a_bounded_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core, "_AGE_STEP", 0.05)
    store = SqliteStore.open(tmp_path / "state.db", limits=HistoryLimits(total_bytes=300_000))
    for bucket in BUCKETS:
        for number in range(10):
            await put(store, f"a/{number}", "x" * 2000, bucket=bucket)
    last = await put(store, "a/last")
    await until(lambda: sum(b.history_bytes for b in store._buckets.values()) <= 300_000)
    assert store.list(PODS)[0] == last
    assert sum(store.count(bucket) for bucket in BUCKETS) == 10 * len(BUCKETS)
    await store.close()
