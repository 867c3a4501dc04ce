"""Secrets in the archive and in what is restored from it: as little readable as in the database."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path

import pytest

from grappe.apiserver.encryption import sealer_of
from grappe.base.clock import ManualClock
from grappe.base.errors import UserError
from grappe.store import restore
from grappe.store.archive import Archive, files
from grappe.store.core import HistoryLimits
from grappe.store.sqlite import SqliteStore
from tests.unit.apiserver.encryption.test_encryption_at_rest import (
    VALUE,
    Files,
    aesgcm,
    key,
    put,
    value,
)


class Archived(Files):
    """A database with an archive beside it."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.folder = directory / "backups"

    def open(self, *, sealed: bool = True) -> SqliteStore:
        return SqliteStore.open(
            self.database,
            limits=HistoryLimits(events=8),  # so that rows are pruned
            sealing=sealer_of(self.keys) if sealed else None,
            archive=Archive(self.folder, ManualClock()),
        )

    def archived(self) -> bytes:
        return b"".join(gzip.decompress(path.read_bytes()) for path, _ in files(self.folder))

    def restored(self) -> Path:
        chosen = [path for path, _ in restore.chain(self.folder, None)]
        lines, _ = restore.state(chosen, None)
        path = self.directory / "restored" / "state.db"
        path.parent.mkdir()
        restore.rebuild(path, lines, 0)
        return path


@pytest.fixture
def cluster(tmp_path: Path) -> Archived:
    return Archived(tmp_path)


async def test_archive_and_restored_database_hold_sealed_bodies(cluster: Archived) -> None:
    store = cluster.open()
    await put(store, "base", VALUE)
    await store._archive.flush()  # type: ignore[union-attr]
    for i in range(30):
        await put(store, f"n{i % 4}", f"{VALUE}-{i}")
    await put(store, "shown", "visible", bucket="/configmaps")
    await store.close()
    assert {header.kind for _, header in files(cluster.folder)} == {"base", "log"}
    assert VALUE.encode() not in cluster.archived()
    assert b"visible" in cluster.archived()

    path = cluster.restored()
    assert VALUE.encode() not in path.read_bytes()
    with pytest.raises(UserError, match="no keys were given"):
        SqliteStore.open(path)
    again = SqliteStore.open(path, sealing=sealer_of(cluster.keys))
    assert value(again, "base") == VALUE
    assert value(again, "n1") == f"{VALUE}-29"
    await again.close()


async def test_commits_that_a_crash_kept_out_are_archived_sealed(cluster: Archived) -> None:
    store = cluster.open()
    await put(store, "one", VALUE)
    await store._archive.flush()  # type: ignore[union-attr]
    await put(store, "two", f"{VALUE}-2")
    store._journal.close()  # the process ends before the archive has it
    store = cluster.open()
    await store.close()
    assert VALUE.encode() not in cluster.archived()
    again = SqliteStore.open(cluster.restored(), sealing=sealer_of(cluster.keys))
    assert value(again, "two") == f"{VALUE}-2"
    await again.close()


async def test_a_new_key_begins_a_new_chain(cluster: Archived) -> None:
    """So that the newest state can be restored once the old key is gone."""
    store = cluster.open()
    for i in range(30):
        await put(store, f"n{i % 4}", f"{VALUE}-{i}")
    await store.close()
    new = key("new")
    cluster.configure(aesgcm(new, cluster.key()))
    store = cluster.open()
    await put(store, "one", VALUE)
    await store.close()
    cluster.configure(aesgcm(new))
    again = SqliteStore.open(cluster.restored(), sealing=sealer_of(cluster.keys))
    assert value(again, "n1") == f"{VALUE}-29"
    assert value(again, "one") == VALUE
    await again.close()


async def test_what_was_plain_is_in_the_archive_no_more(cluster: Archived) -> None:
    store = cluster.open(sealed=False)
    await put(store, "one", VALUE)
    await store.close()
    assert VALUE.encode() in cluster.archived()
    store = cluster.open()
    assert not files(cluster.folder)  # at once; the first base of the new archive follows
    await store.close()
    assert VALUE.encode() not in cluster.archived()
    again = SqliteStore.open(cluster.restored(), sealing=sealer_of(cluster.keys))
    assert value(again, "one") == VALUE
    await again.close()


async def test_the_sums_stay_right_when_rows_are_sealed_anew(cluster: Archived) -> None:
    """What is pruned and written after a change of keys adds up; a row that is gone still shows."""
    store = cluster.open(sealed=False)
    for i in range(30):
        await put(store, f"n{i % 4}", f"{VALUE}-{i}")
    await store.close()
    keys = [key("key-0")]
    for turn in range(1, 4):
        cluster.configure(aesgcm(*keys), {"identity": {}})
        store = cluster.open()
        for i in range(30):
            await put(store, f"n{i % 4}", f"{VALUE}-{turn}-{i}")
        while store._journal._slice():  # type: ignore[attr-defined]
            pass
        await put(store, "last", str(turn))
        store._journal._file.abandon()  # type: ignore[attr-defined]  # killed
        keys.insert(0, key(f"key-{turn}"))

    cluster.configure(aesgcm(*keys))
    await cluster.open().close()
    db = sqlite3.connect(cluster.database)
    db.execute(
        "DELETE FROM journal WHERE revision=(SELECT max(revision) FROM journal WHERE key='a/n1')"
    )
    db.commit()
    db.close()
    with pytest.raises(UserError, match="rows are missing"):
        cluster.open()
