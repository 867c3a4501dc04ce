"""Files of earlier releases are brought to the present format, whatever cuts that off."""

import asyncio
import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

import orjson
import pytest

from grappe.apiserver.encryption import sealer_of
from grappe.base.errors import UserError
from grappe.store import migrations
from grappe.store.core import HistoryLimits
from grappe.store.interface import CompactedError
from grappe.store.sealing import place
from grappe.store.sqlite import SqliteStore
from grappe.testing.store_suite import PODS, Watcher, put

_FORMAT_1 = """
CREATE TABLE journal (
    revision INTEGER PRIMARY KEY, deleted INTEGER NOT NULL, bucket TEXT NOT NULL,
    key TEXT NOT NULL, body BLOB NOT NULL, labels BLOB, fields BLOB, checksum INTEGER NOT NULL
);
CREATE TABLE floor (bucket TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE progress (only INTEGER PRIMARY KEY CHECK (only = 1), revision INTEGER NOT NULL);
INSERT INTO progress VALUES (1, 90);
INSERT INTO floor VALUES ('/pods', 40);
PRAGMA application_id=0x67726170;
PRAGMA user_version=1;
"""


def write_format_1(path: Path, others: Sequence[tuple[str, str, bytes]] = ()) -> dict[str, int]:
    """A file as the first release wrote it: key to revision of the pods that are alive. `others`
    are bucket, key and body of what else there is."""
    db = sqlite3.connect(path)
    db.execute("PRAGMA auto_vacuum=INCREMENTAL")
    db.execute("PRAGMA journal_mode=WAL")
    db.executescript(_FORMAT_1)
    alive: dict[str, int] = {}
    for revision in range(30, 81):
        key = f"a/{revision % 17}"
        deleted = revision % 5 == 0 and key in alive
        body = b'"metadata":{"resourceVersion":"%d"},"x":"%s"}' % (revision, b"y" * revision)
        labels = orjson.dumps({"n": str(revision % 3)}) if revision % 2 else None
        fields = orjson.dumps({"spec.nodeName": f"n{revision % 2}"})
        checksum = crc32(body, crc32(fields, crc32(labels or b"", crc32(key.encode()))))
        row = (revision, deleted, PODS, key, body, labels, fields, checksum)
        db.execute("INSERT INTO journal VALUES (?,?,?,?,?,?,?,?)", row)
        alive[key] = revision
        if deleted:
            del alive[key]
    for revision, (bucket, key, body) in enumerate(others, 81):
        checksum = crc32(body, crc32(key.encode()))
        row = (revision, False, bucket, key, body, None, None, checksum)
        db.execute("INSERT INTO journal VALUES (?,?,?,?,?,?,?,?)", row)
    db.commit()
    db.close()
    return alive


def version(path: Path) -> int:
    db = sqlite3.connect(path)
    try:
        return int(db.execute("PRAGMA user_version").fetchone()[0])
    finally:
        db.close()


async def check(path: Path, alive: dict[str, int]) -> None:
    store = SqliteStore.open(path, limits=HistoryLimits())
    assert {r.key: r.revision for r in store.list(PODS)} == alive
    record = store.get(PODS, "a/11")
    assert record is not None
    assert record.body.startswith(b'"metadata":{"resourceVersion":"79"}')
    assert (record.labels, record.fields) == ({"n": "1"}, {"spec.nodeName": "n1"})
    assert store.revision == 90
    with pytest.raises(CompactedError):
        Watcher(store, after=39)
    assert len(Watcher(store, after=40).seen) == 40
    assert (await put(store, "a/new")).revision == 91
    await store.close()
    assert version(path) == 2
    store = SqliteStore.open(path)
    assert store.revision == 91
    await store.close()


async def test_a_file_of_format_1_is_read_whole_and_written_on(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    await check(path, write_format_1(path))


@pytest.mark.parametrize("rows", [0, 1, 25, 50])
async def test_an_upgrade_that_is_killed_starts_again(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "state.db"
    alive = write_format_1(path)
    program = (
        "import os, pathlib, sys\n"
        "from grappe.store import migrations\n"
        "from grappe.store.sqlite import SqliteStore\n"
        "left, real = int(sys.argv[2]), migrations.checksum\n"
        "def checksum(*columns):\n"
        "    global left\n"
        "    left -= 1\n"
        "    if left < 0: os._exit(9)\n"
        "    return real(*columns)\n"
        "migrations.checksum = checksum\n"
        "SqliteStore.open(pathlib.Path(sys.argv[1]))\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(path), str(rows)
    )
    assert await process.wait() == 9
    assert version(path) == 1
    await check(path, alive)


async def test_an_upgrade_the_disk_refuses_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.db"
    alive = write_format_1(path)

    def refuse(db: sqlite3.Connection, *_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "write_progress", refuse)
        with pytest.raises(UserError, match="disk is full"):
            SqliteStore.open(path)
    assert version(path) == 1
    await check(path, alive)


async def test_damage_in_an_old_file_is_named_and_not_sealed_in(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    write_format_1(path)
    db = sqlite3.connect(path)
    db.execute("UPDATE journal SET key='a/other' WHERE revision=55")
    db.commit()
    db.close()
    for _ in range(2):
        with pytest.raises(UserError, match="damaged: revision 55: wrong checksum"):
            SqliteStore.open(path)
    assert version(path) == 1


async def test_sealed_rows_of_format_1_stay_sealed_and_are_opened(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    keys = sealer_of(tmp_path / "encryption.json")
    write_format_1(path)
    plain = b'"metadata":{"name":"s"},"data":{"k":"c2VjcmV0"}}'
    sealed = keys.seal("/secrets", place("/secrets", "a/s", 85, deleted=False), plain)
    db = sqlite3.connect(path)
    row = (85, False, "/secrets", "a/s", sealed, None, None, crc32(sealed, crc32(b"a/s")))
    db.execute("INSERT INTO journal VALUES (?,?,?,?,?,?,?,?)", row)
    db.commit()
    db.close()
    store = SqliteStore.open(path, sealing=keys)
    record = store.get("/secrets", "a/s")
    assert record is not None
    assert record.body == plain
    await store.close()
    assert version(path) == 2
    assert sealed in path.read_bytes()
