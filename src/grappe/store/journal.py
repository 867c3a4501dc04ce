"""The database file: one table of revisions, appended to in groups, pruned in small slices.

The only module that speaks SQL. Every SQLite error leaves it as CommitFailedError (a commit) or
UserError (opening); docs/store.md has the format and what a crash can and cannot do.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import orjson

from grappe.base.errors import UserError
from grappe.store.interface import CommitFailedError, Record
from grappe.store.sealing import SEALED, Sealing, place

log = logging.getLogger("grappe.store")

_APPLICATION_ID = 0x67726170  # "grap"
_FORMAT = 1
_CHECKPOINT_PAGES = 1000  # larger: fewer, longer stalls (4000 pages doubled the p99 of writes)

_TABLES = """
CREATE TABLE journal (
    revision INTEGER PRIMARY KEY,
    deleted INTEGER NOT NULL,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    labels BLOB,
    fields BLOB,
    checksum INTEGER NOT NULL
);
CREATE TABLE floor (bucket TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE progress (only INTEGER PRIMARY KEY CHECK (only = 1), revision INTEGER NOT NULL);
INSERT INTO progress VALUES (1, 0);
"""

_INSERT = "INSERT INTO journal VALUES (?,?,?,?,?,?,?,?)"


class Row(NamedTuple):
    """One line of the journal."""

    bucket: str
    deleted: bool
    record: Record


class JournalFile:
    """An open database, ours alone until closed."""

    def __init__(self, path: Path, sealing: Sealing | None = None) -> None:
        """Open or create `path`; UserError when it is in use, damaged, or not ours. `sealing`
        encrypts bodies; without it everything is kept plain."""
        self._path = path
        self._sealing = sealing
        self._stale: list[Row] = []  # sealed with an older key, or plain and to be sealed
        self._plain = False  # whether any of these is plain
        with self._opening():
            self._db = sqlite3.connect(
                path, timeout=1.0, isolation_level=None, cached_statements=32
            )
            try:
                self._prepare()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self) -> None:
        run = self._db.execute
        # Ours alone: a second server is refused, and no shared-memory file is needed.
        run("PRAGMA locking_mode=EXCLUSIVE")
        if not run("PRAGMA schema_version").fetchone()[0]:
            run("PRAGMA auto_vacuum=INCREMENTAL")
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=FULL")
        run(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        run(f"PRAGMA journal_size_limit={_CHECKPOINT_PAGES * 4096}")
        run("BEGIN EXCLUSIVE")
        if not run("PRAGMA schema_version").fetchone()[0]:
            for statement in _TABLES.split(";"):
                run(statement)
            run(f"PRAGMA application_id={_APPLICATION_ID}")
            run(f"PRAGMA user_version={_FORMAT}")
        run("COMMIT")
        if run("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
            raise UserError(
                f"{self._path} is a database, but not grappe's",
                "move it away, or choose another --data-dir",
            )
        found = run("PRAGMA user_version").fetchone()[0]
        if found != _FORMAT:
            raise UserError(
                f"{self._path} has format {found}; this grappe reads format {_FORMAT}",
                "install the grappe version that wrote it",
            )

    @contextmanager
    def _opening(self) -> Iterator[None]:
        """Turn what SQLite says about a file into what a person can do about it."""
        try:
            yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "busy" in str(error):
                raise UserError(
                    f"{self._path} is in use by another server",
                    "run: grappe down (or stop the process that has it open)",
                ) from error
            raise UserError(
                f"cannot open {self._path}: {error}",
                "check that its directory exists, is writable, and that the disk is not full",
            ) from error
        except sqlite3.DatabaseError as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, why: str) -> UserError:
        return UserError(
            f"the database {self._path} is damaged: {why}",
            f"restore it from a backup, or start empty: move {self._path} and"
            f" {self._path.name}-wal away and run: grappe up",
        )

    # -- reading (at start) ------------------------------------------------------------------------
    def floors(self) -> dict[str, int]:
        """The revision up to which each bucket's history has been pruned."""
        with self._opening():
            return dict(self._db.execute("SELECT bucket, revision FROM floor"))

    def revision(self) -> int:
        """The newest revision ever committed, whatever has been pruned since."""
        with self._opening():
            row = self._db.execute(
                "SELECT max(coalesce((SELECT max(revision) FROM journal), 0),"
                " (SELECT revision FROM progress))"
            ).fetchone()
        if row[0] is None:
            raise self._damaged("the progress record is missing")
        return int(row[0])

    def rows(self) -> Iterator[Row]:
        """Every row, oldest first; UserError at the first damaged one, and at one whose key is
        not there."""
        loads = orjson.loads
        sealing = self._sealing
        empty: dict[str, str] = {}
        with self._opening():
            cursor = self._db.execute(
                "SELECT revision, deleted, bucket, key, body, labels, fields, checksum"
                " FROM journal ORDER BY revision"
            )
            for revision, deleted, bucket, key, body, labels, fields, checksum in cursor:
                try:
                    if _checksum(key, body, labels, fields) != checksum:
                        raise ValueError("wrong checksum")
                    stored = body
                    if body.startswith(SEALED):
                        body = self._unsealed(bucket, key, revision, deleted, body)
                    record = Record(
                        key,
                        revision,
                        body,
                        loads(labels) if labels else empty,
                        loads(fields) if fields else empty,
                    )
                except (ValueError, TypeError) as error:
                    raise self._damaged(f"revision {revision}: {error}") from error
                row = Row(bucket, bool(deleted), record)
                if sealing is not None and (stored is not body or sealing.seals(bucket)):
                    self._note_stale(sealing, row, stored)
                yield row

    def _unsealed(self, bucket: str, key: str, revision: int, deleted: int, body: bytes) -> bytes:
        if self._sealing is None:
            raise UserError(
                f"{self._path} holds encrypted objects, and no keys were given to open them",
                "start it with: grappe up",
            )
        return self._sealing.unseal(place(bucket, key, revision, bool(deleted)), body)

    def _note_stale(self, sealing: Sealing, row: Row, stored: bytes) -> None:
        if not sealing.fresh(row.bucket, stored):
            self._stale.append(row)
            self._plain |= stored is row.record.body

    # -- writing -----------------------------------------------------------------------------------
    def append(self, rows: Sequence[Row]) -> None:
        """One transaction, on disk when this returns; CommitFailedError and no trace otherwise."""
        values = [self._values(row) for row in rows]
        with self._transaction():
            self._db.executemany(_INSERT, values)

    def reseal(self) -> None:
        """Write anew what `rows` found sealed with an older key, or not sealed at all; nothing
        of the old form stays in the file."""
        rows, self._stale = self._stale, []
        if not rows:
            return
        values = [self._values(row) for row in rows]
        try:
            self._db.execute("PRAGMA secure_delete=ON")
            with self._transaction():
                self._db.executemany(
                    "UPDATE journal SET body=?, checksum=? WHERE revision=?",
                    [(value[4], value[7], value[0]) for value in values],
                )
            self._db.execute("PRAGMA secure_delete=OFF")
            if self._plain:
                self._db.execute("VACUUM")  # free pages still hold what was deleted before
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except (sqlite3.Error, CommitFailedError) as error:
            # The rows stay readable; the next start tries again.
            log.warning("cannot encrypt %s anew: %s", self._path, error)
        else:
            log.info("%d rows of %s are written anew with its newest key", len(rows), self._path)

    def prune(self, revisions: Sequence[int], floors: Mapping[str, int], reached: int) -> None:
        """Delete rows nothing needs, and note how far back each bucket's history now goes.

        `reached` is kept so that the next start goes on above it even when the newest row
        is gone.
        """
        with self._transaction():
            self._db.executemany(
                "DELETE FROM journal WHERE revision=?", [(revision,) for revision in revisions]
            )
            self._db.executemany("INSERT OR REPLACE INTO floor VALUES (?,?)", floors.items())
            self._db.execute("UPDATE progress SET revision=?", (reached,))

    def shrink(self, pages: int) -> bool:
        """Give up to `pages` free pages back to the file system; False when few are free."""
        try:
            free = self._db.execute("PRAGMA freelist_count").fetchone()[0]
            total = self._db.execute("PRAGMA page_count").fetchone()[0]
            if free < 256 or free * 4 < total:
                return False
            # A script, because execute() stops this statement after its first page.
            self._db.executescript(f"PRAGMA incremental_vacuum({pages})")
        except sqlite3.Error as error:
            log.warning("cannot shrink %s: %s", self._path, error)
            return False
        return True

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        run = self._db.execute
        try:
            run("BEGIN IMMEDIATE")
            yield
            run("COMMIT")
        except sqlite3.Error as error:
            try:
                if self._db.in_transaction:
                    run("ROLLBACK")
            except sqlite3.Error:
                log.exception("cannot roll back in %s", self._path)
            raise CommitFailedError(f"cannot write {self._path}: {error}") from error

    def _values(self, row: Row) -> tuple[object, ...]:
        """A row as the table takes it."""
        bucket, deleted, record = row
        key, revision, body = record.key, record.revision, record.body
        if self._sealing is not None and self._sealing.seals(bucket):
            body = self._sealing.seal(bucket, place(bucket, key, revision, deleted), body)
        labels = orjson.dumps(record.labels) if record.labels else None
        fields = orjson.dumps(record.fields) if record.fields else None
        checksum = _checksum(key, body, labels, fields)
        return (revision, deleted, bucket, key, body, labels, fields, checksum)

    def close(self) -> None:
        """Fold the write-ahead log into the file and release it."""
        self._db.close()


def _checksum(key: str, body: bytes, labels: bytes | None, fields: bytes | None) -> int:
    """What shows a row that the disk, not we, have changed."""
    return crc32(body, crc32(fields or b"", crc32(labels or b"", crc32(key.encode()))))
