"""What only a store with a file must do."""

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from grappe.base.errors import UserError
from grappe.store.core import HistoryLimits
from grappe.store.interface import CommitFailedError, CompactedError
from grappe.store.sqlite import SqliteStore
from grappe.testing.store_suite import INDEXES, PODS, Watcher, delete, draft, keys, put


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


def rows(path: Path) -> int:
    db = sqlite3.connect(path)
    try:
        return int(db.execute("SELECT count(*) FROM journal").fetchone()[0])
    finally:
        db.close()


async def test_state_indexes_history_and_revision_survive_a_restart(path: Path) -> None:
    store = SqliteStore.open(path, INDEXES)
    await put(store, "a/1", "one", node="n1")
    await put(store, "a/2", "two", node="n1")
    await put(store, "b/1", bucket="other")
    await put(store, "a/1", "three", node="n2")
    await delete(store, "a/2")
    before = Watcher(store).batches[0]
    await store.close()

    store = SqliteStore.open(path, INDEXES)
    assert store.revision == 5
    assert keys(store.list(PODS)) == ["a/1"]
    assert keys(store.list(PODS, at=2)) == ["a/1", "a/2"]
    assert keys(store.by_field(PODS, "spec.nodeName", "n2")) == ["a/1"]
    assert keys(store.by_field(PODS, "spec.nodeName", "n1")) == []
    assert store.buckets() == [PODS, "other"]
    assert Watcher(store).batches[0] == before
    assert (await put(store, "a/3")).revision == 6
    await store.close()


async def test_pruned_history_stays_pruned_and_state_whole_after_a_restart(path: Path) -> None:
    limits = HistoryLimits(events=5)
    store = SqliteStore.open(path, limits=limits)
    for i in range(20):
        await put(store, f"a/{i % 3}", str(i))
    await put(store, "a/gone")
    await delete(store, "a/gone")
    before = list(store.list(PODS))
    journal = store._journal
    await until(lambda: not journal._dead)  # type: ignore[attr-defined]
    await store.close()
    assert rows(path) == 8  # five events and the three states before them

    store = SqliteStore.open(path, limits=limits)
    assert store.list(PODS) == before
    assert store.revision == 22
    with pytest.raises(CompactedError):
        Watcher(store, after=16)
    assert len(Watcher(store, after=17).seen) == 5
    await store.close()


async def test_rows_left_unpruned_by_a_crash_are_pruned_later(path: Path) -> None:
    store = SqliteStore.open(path, limits=HistoryLimits(events=2))
    for i in range(50):
        await put(store, "a/1", str(i))
    await store.close()  # at once: the slices had no idle moment yet
    assert rows(path) == 50

    store = SqliteStore.open(path, limits=HistoryLimits(events=2))
    found = store.get(PODS, "a/1")
    assert found is not None
    assert found.revision == 50
    await put(store, "a/2")
    journal = store._journal
    await until(lambda: not journal._dead)  # type: ignore[attr-defined]
    await store.close()
    assert rows(path) == 3


async def test_the_revision_never_goes_back_even_when_everything_is_deleted(path: Path) -> None:
    limits = HistoryLimits(events=0)
    store = SqliteStore.open(path, limits=limits)
    for i in range(5):
        await put(store, f"a/{i}")
    for i in range(5):
        await delete(store, f"a/{i}")
    journal = store._journal
    await until(lambda: not journal._dead)  # type: ignore[attr-defined]
    await store.close()
    assert rows(path) == 0

    store = SqliteStore.open(path, limits=limits)
    assert store.revision == 10
    assert (await put(store, "a/1")).revision == 11
    await store.close()


async def test_the_file_shrinks_with_what_is_alive(path: Path) -> None:
    store = SqliteStore.open(path, limits=HistoryLimits(events=0))
    text = "x" * 20_000
    for start in range(0, 500, 100):
        await asyncio.gather(
            *[store.put(PODS, f"a/{start + i}", 0, lambda _: draft(text)) for i in range(100)]
        )
    full = path.stat().st_size + Path(f"{path}-wal").stat().st_size
    assert full > 10_000_000
    for i in range(500):
        await delete(store, f"a/{i}")
    journal = store._journal
    await until(lambda: journal._timer is None)  # type: ignore[attr-defined]
    await store.close()
    assert path.stat().st_size < 2_000_000


async def test_a_second_server_is_refused_while_the_first_has_it(path: Path) -> None:
    store = SqliteStore.open(path)
    with pytest.raises(UserError, match="in use by another server"):
        SqliteStore.open(path)
    program = (
        "import pathlib, sys; from grappe.store.sqlite import SqliteStore;"
        " SqliteStore.open(pathlib.Path(sys.argv[1]))"
    )
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(path), stderr=subprocess.PIPE
    )
    _, errors = await other.communicate()
    assert b"in use by another server" in errors
    await put(store, "a/1")
    await store.close()
    await SqliteStore.open(path).close()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"not a database at all, but a letter to my aunt" * 100, "damaged"),
        (b"", ""),
    ],
    ids=["garbage", "empty-file-is-a-new-database"],
)
async def test_a_file_that_is_no_database(path: Path, content: bytes, said: str) -> None:
    path.write_bytes(content)
    if not said:
        await SqliteStore.open(path).close()
        return
    with pytest.raises(UserError, match=said) as caught:
        SqliteStore.open(path)
    assert str(path) in caught.value.message
    assert "backup" in caught.value.fix


async def test_damage_anywhere_in_the_rows_is_found_at_open(path: Path) -> None:
    store = SqliteStore.open(path)
    for i in range(200):
        await put(store, f"a/{i}", "precious" * 50)
    await store.close()
    content = bytearray(path.read_bytes())
    where = content.rindex(b"precious")
    content[where] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"is damaged: revision .*checksum"):
        SqliteStore.open(path)


async def test_a_truncated_file_is_reported_as_damaged(path: Path) -> None:
    store = SqliteStore.open(path)
    for i in range(200):
        await put(store, f"a/{i}", "x" * 400)
    await store.close()
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2)
    with pytest.raises(UserError, match="damaged"):
        SqliteStore.open(path)


async def test_someone_elses_database_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE things (x)")
    db.close()
    with pytest.raises(UserError, match="not grappe's"):
        SqliteStore.open(path)


async def test_a_newer_format_is_refused(path: Path) -> None:
    await SqliteStore.open(path).close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version=99")
    db.close()
    with pytest.raises(UserError, match="format 99"):
        SqliteStore.open(path)


async def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot open"):
        SqliteStore.open(tmp_path / "no" / "state.db")


async def test_a_failed_commit_undoes_the_group_and_the_store_goes_on(path: Path) -> None:
    store = SqliteStore.open(path)
    kept = await put(store, "a/1", "kept")
    watcher = Watcher(store, after=kept.revision)
    db = store._journal._file._db  # type: ignore[attr-defined]
    pages = db.execute("PRAGMA page_count").fetchone()[0]
    db.execute(f"PRAGMA max_page_count={pages}")
    big = "x" * 100_000
    group = [
        store.put(PODS, "a/1", kept.revision, lambda _: draft("changed")),
        store.put(PODS, "a/big", 0, lambda _: draft(big)),
        store.delete(PODS, "a/big", kept.revision + 2, lambda _: draft()),
    ]
    answers = await asyncio.gather(*group, return_exceptions=True)
    assert [type(answer) for answer in answers] == [CommitFailedError] * 3
    assert store.latest(PODS, "a/1") == store.get(PODS, "a/1") == kept
    assert keys(store.list(PODS)) == ["a/1"]
    assert store.revision == kept.revision
    assert watcher.seen == []

    db.execute("PRAGMA max_page_count=1000000")
    record = await put(store, "a/big", big)
    assert record.revision > kept.revision
    assert watcher.seen == [("ADDED", "a/big", record.revision)]
    await store.close()
    store = SqliteStore.open(path)
    assert keys(store.list(PODS)) == ["a/1", "a/big"]
    assert store.get(PODS, "a/1") == kept
    await store.close()
