"""Brings a database file of an earlier release to the format of this one.

Each step is one transaction together with the file's new format number: one that is cut off leaves
the old file as it was, and the next start begins it again.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from zlib import crc32

from grappe.store.format import FORMAT, TABLES, Progress, added, checksum

log = logging.getLogger("grappe.store")


def migrate(db: sqlite3.Connection, found: int) -> None:
    """Take the steps from format `found` on; the caller holds a transaction. ValueError names
    the damage that stands in the way."""
    for step in range(found, FORMAT):
        log.info("bringing the database from format %s to %s", step, step + 1)
        _STEPS[step](db)
    db.execute(f"PRAGMA user_version={FORMAT}")


def create_tables(db: sqlite3.Connection) -> None:
    """The tables of an empty file."""
    for statement in TABLES.split(";"):
        db.execute(statement)
    write_progress(db, Progress(), {})


def write_progress(db: sqlite3.Connection, progress: Progress, floors: Mapping[str, int]) -> None:
    """Note how far the file has come. `floors` are all of its floors."""
    db.execute(
        "INSERT OR REPLACE INTO progress VALUES (1,?,?,?,?,?)",
        (*progress, progress.checksum(floors)),
    )


def _from_1(db: sqlite3.Connection) -> None:
    """Format 1's checksums did not cover revision, bucket and kind of a row, nor the floors, and
    nothing told of a missing row."""
    floors = dict(db.execute("SELECT bucket, revision FROM floor"))
    noted = db.execute("SELECT revision FROM progress").fetchone()
    if noted is None:
        raise ValueError("the progress record is missing")
    db.execute("ALTER TABLE journal RENAME TO old_journal")
    db.execute("DROP TABLE progress")
    for statement in TABLES.split(";"):
        if "TABLE floor" not in statement:
            db.execute(statement)
    total = newest = 0

    def lines() -> Iterator[tuple[object, ...]]:
        nonlocal total, newest
        for old in db.execute(
            "SELECT revision, deleted, bucket, key, body, labels, fields, checksum"
            " FROM old_journal ORDER BY revision"
        ):
            newest, deleted, bucket, key, body, labels, fields, seal = old
            found = 0
            for part in (key.encode(), labels or b"", fields or b"", body):
                found = crc32(part, found)
            if found != seal:
                raise ValueError(f"revision {newest}: wrong checksum")
            seal = checksum(newest, bool(deleted), bucket, key, body, labels, fields)
            total = added(total, (seal,))
            yield (*old[:7], seal, total)

    db.executemany("INSERT INTO journal VALUES (?,?,?,?,?,?,?,?,?)", lines())
    db.execute("DROP TABLE old_journal")
    write_progress(db, Progress(max(newest, int(noted[0])), 0, total, 0), floors)


_STEPS: dict[int, Callable[[sqlite3.Connection], None]] = {1: _from_1}
