"""Whatever happens to the bytes of a database, a start finds it and names the file, or has
everything that was acknowledged. Never a traceback, never a quiet loss."""

import asyncio
import hashlib
import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grappe.base.errors import UserError
from grappe.store.core import HistoryLimits
from grappe.store.sqlite import SqliteStore
from grappe.testing.store_suite import PODS, delete, put

PAGE = 4096
FRAME = PAGE + 24
LIMITS = HistoryLimits(events=60)


class State(NamedTuple):
    """A store's revision, the newest of what is in it, and a digest of that."""

    revision: int
    newest: int
    digest: str


async def _fill(store: SqliteStore, start: int, count: int) -> None:
    for number in range(start, start + count):
        key = f"a/{number % 90}"
        found = store.get(PODS, key)
        if found is not None and number % 7 == 0:
            await delete(store, key)
        else:
            await put(store, key, "x" * (number * 37 % 900))


def _state(store: SqliteStore) -> State:
    records = [*store.list(PODS), *store.list("other")]
    newest = max((record.revision for record in records), default=0)
    return State(store.revision, newest, hashlib.sha256(repr(records).encode()).hexdigest())


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, State]]:
    """A file that was closed, and one whose server was killed with its log still full."""
    made: dict[str, tuple[Path, State]] = {}

    async def make() -> None:
        folder = tmp_path_factory.mktemp("closed")
        store = SqliteStore.open(folder / "state.db", limits=LIMITS)
        await _fill(store, 0, 300)
        await put(store, "b/1", "one", bucket="other")
        journal = store._journal
        while journal._dead:  # type: ignore[attr-defined]
            await asyncio.sleep(0.01)
        state = _state(store)
        await store.close()
        made["closed"] = (folder, state)
        killed = tmp_path_factory.mktemp("killed")
        shutil.copy(folder / "state.db", killed)
        store = SqliteStore.open(killed / "state.db", limits=LIMITS)
        await _fill(store, 300, 60)
        copy = tmp_path_factory.mktemp("copy")
        for name in ("state.db", "state.db-wal"):
            shutil.copy(killed / name, copy)
        made["killed"] = (copy, _state(store))
        await store.close()

    asyncio.run(make())
    assert (made["killed"][0] / "state.db-wal").stat().st_size > 50 * FRAME
    return made


def _open(path: Path) -> State | str:
    """What is in the file, or what is said of it."""

    async def attempt() -> State | str:
        try:
            store = SqliteStore.open(path, limits=LIMITS)
        except UserError as error:
            return error.message if str(path) in error.message and error.fix else ""
        state = _state(store)
        await store.close()
        return state

    return asyncio.run(attempt())


def _places(content: bytes, wal: bool) -> Iterator[tuple[str, int, int]]:
    """Name, start and end of each kind of place."""
    if wal:
        yield "log header", 0, 32
        yield "frame header", 32 + 5 * FRAME, 32 + 5 * FRAME + 24
        yield "frame", 32 + 5 * FRAME + 24, 32 + 6 * FRAME
        yield "log", 0, len(content) - 3 * FRAME
        return
    yield "file header", 0, 100
    yield "schema", 100, PAGE
    for page in range(1, len(content) // PAGE):
        if content[page * PAGE] == 13:
            yield "leaf header", page * PAGE, page * PAGE + 8
            yield "cell pointers", page * PAGE + 8, page * PAGE + 40
            break
    yield "rows", PAGE, len(content)


@pytest.mark.parametrize("kind", ["closed", "killed"])
@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_changed_byte_anywhere_is_found_or_does_no_harm(
    originals: dict[str, tuple[Path, State]],
    tmp_path_factory: pytest.TempPathFactory,
    kind: str,
    data: st.DataObject,
) -> None:
    folder, state = originals[kind]
    name = data.draw(st.sampled_from(sorted(p.name for p in folder.iterdir())))
    content = bytearray((folder / name).read_bytes())
    _, start, end = data.draw(st.sampled_from(list(_places(content, name.endswith("wal")))))
    at = data.draw(st.integers(start, end - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    work = tmp_path_factory.mktemp("damaged")
    for path in folder.iterdir():
        shutil.copy(path, work)
    (work / name).write_bytes(content)
    found = _open(work / "state.db")
    if not isinstance(found, str):
        assert found == state
    else:
        assert found, "neither the file nor what to do is named"
        assert _open(work / "state.db") == found, "a second start said otherwise"
    shutil.rmtree(work)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(part=st.floats(0, 1))
def test_a_file_cut_short_anywhere_is_found_or_lost_nothing(
    originals: dict[str, tuple[Path, State]],
    tmp_path_factory: pytest.TempPathFactory,
    part: float,
) -> None:
    folder, state = originals["closed"]
    work = tmp_path_factory.mktemp("cut")
    content = (folder / "state.db").read_bytes()
    size = int(len(content) * part)
    (work / "state.db").write_bytes(content[:size])
    found = _open(work / "state.db")
    if size == 0:
        assert not isinstance(found, str)
        assert found.revision == found.newest == 0  # an empty file is a new database
    elif size == len(content):
        assert found == state
    else:  # what is cut off may be the unused end of a page: then nothing is lost
        assert isinstance(found, str) or found == state
    shutil.rmtree(work)


def test_a_log_cut_short_is_an_earlier_state_never_a_mixture(
    originals: dict[str, tuple[Path, State]], tmp_path: Path
) -> None:
    """What a power cut leaves; SQLite takes it for writes that were never acknowledged."""
    folder, state = originals["killed"]
    log = (folder / "state.db-wal").read_bytes()
    revisions = []
    for size in (0, 31, 33, 32 + FRAME, 32 + 9 * FRAME + 500, 32 + 40 * FRAME, len(log)):
        work = tmp_path / str(size)
        work.mkdir()
        shutil.copy(folder / "state.db", work)
        (work / "state.db-wal").write_bytes(log[:size])
        found = _open(work / "state.db")
        assert not isinstance(found, str)
        assert found.newest <= found.revision
        revisions.append(found.revision)
    assert revisions == sorted(revisions)
    assert revisions[-1] == state.revision


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE journal SET deleted=NOT deleted WHERE revision=:r",
        "UPDATE journal SET bucket='/other' WHERE revision=:r",
        "UPDATE journal SET key='a/none' WHERE revision=:r",
        "UPDATE journal SET body=x'00' WHERE revision=:r",
        "UPDATE journal SET body='text' WHERE revision=:r",
        "UPDATE journal SET labels=x'7b7d' WHERE revision=:r",
        "UPDATE journal SET revision=100000 WHERE revision=:r",
        "DELETE FROM journal WHERE revision=:r",
        "DELETE FROM journal WHERE revision=(SELECT max(revision) FROM journal)",
        "DELETE FROM journal",
        "UPDATE floor SET revision=revision-1",
        "UPDATE floor SET revision='x'",
        "DELETE FROM floor",
        "UPDATE progress SET revision=revision-1",
        "UPDATE progress SET pruned=pruned+1",
        "UPDATE progress SET revision=NULL, checksum='x'",
        "DELETE FROM progress",
        "DROP TABLE floor",
        "ALTER TABLE journal DROP COLUMN labels",
        "PRAGMA user_version=1",
        "PRAGMA user_version=0",
        "PRAGMA user_version=3",
        "PRAGMA application_id=7",
    ],
)
def test_a_line_that_is_wrong_or_missing_is_found(
    originals: dict[str, tuple[Path, State]], tmp_path: Path, statement: str
) -> None:
    path = tmp_path / "state.db"
    shutil.copy(originals["closed"][0] / "state.db", path)
    db = sqlite3.connect(path)
    (revision,) = db.execute("SELECT max(revision) FROM journal WHERE deleted=0").fetchone()
    try:
        if ":r" in statement:
            db.execute(statement, {"r": revision})
        else:
            db.execute(statement)
    except sqlite3.IntegrityError:
        db.execute("DELETE FROM progress")  # the column takes nothing else
    db.commit()
    db.close()
    assert isinstance(_open(path), str)


def test_random_bytes_are_named(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    for size in (1, 15, 16, 100, 511, 4096, 50_000):
        path.write_bytes(b"SQLite format 3\0"[: size // 2] + random.Random(size).randbytes(size))
        assert isinstance(_open(path), str), size
