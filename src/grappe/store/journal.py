"""The database file: one table of revisions, appended to in groups, pruned in small slices.

With migrations.py the only module that speaks SQL. Every SQLite error leaves it as
CommitFailedError (a commit) or UserError (opening); docs/store.md has the format and what a crash
can and cannot do.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from grappe.base.errors import UserError
from grappe.store.format import FORMAT, Progress, Row, Values, added, checksum, encode, opened
from grappe.store.interface import CommitFailedError, Record
from grappe.store.migrations import create_tables, migrate, write_progress
from grappe.store.sealing import SEALED, Sealing
from grappe.store.sharing import SharedMappings
from grappe.store.wal import acknowledged_after

log = logging.getLogger("grappe.store")

_APPLICATION_ID = 0x67726170  # "grap"
_CHECKPOINT_PAGES = 1000  # larger: fewer, longer stalls (4000 pages doubled the p99 of writes)
_SMALLEST = 512  # bytes; SQLite takes a file of one byte for a new one
_COLUMNS = "revision, deleted, bucket, key, body, labels, fields, checksum"
_INSERT = "INSERT INTO journal VALUES (?,?,?,?,?,?,?,?,?)"


class JournalFile:
    """An open database, ours alone until closed."""

    def __init__(self, path: Path, sealing: Sealing | None = None) -> None:
        """Open or create `path`; UserError when it is in use, damaged, or not ours. `sealing`
        encrypts bodies; without it everything is kept plain."""
        self._path = path
        self._sealing = sealing
        self._stale: list[tuple[Row, Values]] = []  # not as they would be written today
        with self._opening():
            # Read before SQLite may fold it into the file.
            write_ahead = _content(path.with_name(path.name + "-wal"))
            if 0 < _size(path) < _SMALLEST:
                raise self._damaged("it is cut short")
            self._db = sqlite3.connect(
                path, timeout=1.0, isolation_level=None, cached_statements=32
            )
            try:
                self._prepare(write_ahead)
                self.progress, self.floors = self._read_progress()
            except BaseException:
                self._db.close()
                raise

    def _prepare(self, write_ahead: bytes) -> None:
        run = self._db.execute
        # Ours alone: a second server is refused, and no shared-memory file is needed.
        run("PRAGMA locking_mode=EXCLUSIVE")
        if not run("PRAGMA schema_version").fetchone()[0]:
            run("PRAGMA auto_vacuum=INCREMENTAL")
        run("PRAGMA journal_mode=WAL")
        run("PRAGMA synchronous=FULL")
        if write_ahead:
            self._check_log(write_ahead)
        run(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
        run(f"PRAGMA journal_size_limit={_CHECKPOINT_PAGES * 4096}")
        run("BEGIN EXCLUSIVE")
        if not run("PRAGMA schema_version").fetchone()[0]:
            create_tables(self._db)
            run(f"PRAGMA application_id={_APPLICATION_ID}")
            run(f"PRAGMA user_version={FORMAT}")
        self._require_ours()
        found = run("PRAGMA user_version").fetchone()[0]
        if found != FORMAT:
            if not 0 < found < FORMAT:
                raise UserError(
                    f"{self._path} has format {found}; this grappe reads formats 1 to {FORMAT}",
                    "install the grappe version that wrote it, or a newer one",
                )
            try:
                migrate(self._db, found)
            except ValueError as error:
                raise self._damaged(str(error)) from error
        run("COMMIT")

    def _require_ours(self) -> None:
        if self._db.execute("PRAGMA application_id").fetchone()[0] != _APPLICATION_ID:
            raise UserError(
                f"{self._path} is a database, but not grappe's",
                "move it away, or choose another --data-dir",
            )

    def _check_log(self, write_ahead: bytes) -> None:
        """Refuse a log whose end cannot be read though it was acknowledged, and leave it as it
        was: closing a database removes its log."""
        _, frames, _ = self._db.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        page_size = self._db.execute("PRAGMA page_size").fetchone()[0]
        if not acknowledged_after(write_ahead, max(frames, 0), page_size):
            return
        self._db.close()
        self._path.with_name(self._path.name + "-wal").write_bytes(write_ahead)
        raise self._damaged(f"its write-ahead log cannot be read after frame {max(frames, 0)}")

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
        except (sqlite3.DatabaseError, UnicodeDecodeError, OverflowError) as error:
            raise self._damaged(str(error)) from error

    def _damaged(self, why: str) -> UserError:
        return UserError(
            f"the database {self._path} is damaged: {why}",
            f"restore it from a backup (grappe restore), or start empty: move {self._path},"
            f" {self._path.name}-wal and the backups beside it away, and run: grappe up",
        )

    # -- reading (at start) ------------------------------------------------------------------------
    def _read_progress(self) -> tuple[Progress, dict[str, int]]:
        """How far the file had come, and up to which revision each bucket's history is pruned."""
        floors = dict(self._db.execute("SELECT bucket, revision FROM floor"))
        noted = self._db.execute(
            "SELECT revision, compacted, total, pruned, checksum FROM progress"
        ).fetchone()
        if noted is None:
            raise self._damaged("the progress record is missing")
        progress = Progress(*noted[:4])
        if progress.checksum(floors) != noted[4]:
            raise self._damaged("the progress record has a wrong checksum")
        return progress, floors

    def rows(self, shared: SharedMappings) -> Iterator[tuple[str, int, Record]]:
        """Bucket, deleted and record of every line, oldest first; UserError at the first damaged
        one, at one whose key is not there, or when some are missing. Labels and fields are those
        of `shared`.

        To be read to the end before anything is written.
        """
        sealing, mapping = self._sealing, shared.read
        last, seals = "", False
        for line in self.lines():
            revision, deleted, bucket, key, stored, labels, fields, _ = line
            if bucket != last:
                last, seals = bucket, sealing is not None and sealing.seals(bucket)
            body = stored
            if seals or stored.startswith(SEALED):
                if stored.startswith(SEALED):
                    body = opened(line, sealing)
                if sealing is not None and not sealing.fresh(bucket, stored):
                    record = Record(key, revision, body, mapping(labels), mapping(fields))
                    self._stale.append((Row(bucket, bool(deleted), record), line))
            yield bucket, deleted, Record(key, revision, body, mapping(labels), mapping(fields))

    def lines(self) -> Iterator[Values]:
        """The same as the file has them; needs no key."""
        newest, total, alive = self.progress.revision, self.progress.total, 0
        line: Values | None = None
        with self._opening():
            for line in self._db.execute(f"SELECT {_COLUMNS} FROM journal ORDER BY revision"):
                revision, deleted, bucket, key, body, labels, fields, seal = line
                try:
                    right = checksum(revision, deleted, bucket, key, body, labels, fields) == seal
                except (TypeError, ValueError):  # a column of another type
                    right = False
                if not right:
                    raise self._damaged(f"revision {revision}: wrong checksum")
                alive += seal
                yield line
            if line is not None and line[0] > newest:
                newest = line[0]
                (total,) = self._db.execute(
                    "SELECT total FROM journal WHERE revision=?", (newest,)
                ).fetchone()
        if added(self.progress.pruned, (alive,)) != total:
            raise self._damaged("rows are missing")
        self.progress = self.progress._replace(revision=newest, total=total)

    # -- writing -----------------------------------------------------------------------------------
    def append(self, rows: Sequence[Row]) -> list[Values]:
        """One transaction, on disk when this returns; CommitFailedError and no trace otherwise.
        What was written."""
        written = [self.encode(row) for row in rows]
        self.append_lines(written)
        return written

    def encode(self, row: Row) -> Values:
        """A row as it is written here today."""
        return encode(row, self._sealing)

    def append_lines(self, written: Sequence[Values]) -> None:
        """As `append`, of what is encoded already."""
        total = self.progress.total
        lines = []
        for values in written:
            total = added(total, (values[7],))
            lines.append((*values, total))
        with self._transaction():
            self._db.executemany(_INSERT, lines)
        self.progress = self.progress._replace(revision=written[-1][0], total=total)

    @property
    def stale(self) -> bool:
        """Whether `rows` found anything that is to be sealed, or with another key."""
        return bool(self._stale)

    @property
    def exposed(self) -> bool:
        """Whether any of that is plain."""
        return any(not values[4].startswith(SEALED) for _, values in self._stale)

    def reseal(self) -> None:
        """Write anew what `rows` found sealed with an older key, or not sealed at all; nothing
        of the old form stays in the file."""
        if not self._stale:
            return
        exposed = self.exposed
        lines = [(self.encode(row), old[7]) for row, old in self._stale]
        self._stale = []
        total = added(self.progress.total, (new[7] - old for new, old in lines))
        progress = self.progress._replace(total=total)
        try:
            self._db.execute("PRAGMA secure_delete=ON")
            with self._transaction():
                self._db.executemany(
                    "UPDATE journal SET body=?, checksum=? WHERE revision=?",
                    [(new[4], new[7], new[0]) for new, _ in lines],
                )
                write_progress(self._db, progress, self.floors)
            self.progress = progress
            self._db.execute("PRAGMA secure_delete=OFF")
            if exposed:
                self._db.execute("VACUUM")  # free pages still hold what was deleted before
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except (sqlite3.Error, CommitFailedError) as error:
            # The rows stay readable; the next start tries again.
            log.warning("cannot encrypt %s anew: %s", self._path, error)
        else:
            log.info("%d rows of %s are written anew with its newest key", len(lines), self._path)

    def prune(self, revisions: Sequence[int], floors: Mapping[str, int]) -> None:
        """Delete rows nothing needs, and note how far back each bucket's history now goes, and
        how far the file has come, so that the next start goes on above it even when the newest
        row is gone."""
        run = self._db.execute
        marks = ",".join("?" * len(revisions))
        with self._transaction():
            (gone,) = run(
                f"SELECT coalesce(sum(checksum), 0) FROM journal WHERE revision IN ({marks})",
                revisions,
            ).fetchone()
            run(f"DELETE FROM journal WHERE revision IN ({marks})", revisions)
            self._db.executemany("INSERT OR REPLACE INTO floor VALUES (?,?)", floors.items())
            pruned = added(self.progress.pruned, (gone,))
            progress = self.progress._replace(pruned=pruned)
            all_floors = {**self.floors, **floors}
            write_progress(self._db, progress, all_floors)
        self.progress, self.floors = progress, all_floors

    def compact(self, revision: int) -> None:
        """Go on above `revision`, and forget the history of every bucket up to it."""
        with self._transaction():
            progress = self.progress._replace(revision=revision, compacted=revision)
            write_progress(self._db, progress, self.floors)
        self.progress = progress

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

    def close(self) -> None:
        """Note how far the file has come, fold the write-ahead log into it and release it."""
        try:
            with self._transaction():
                write_progress(self._db, self.progress, self.floors)
        except CommitFailedError as error:
            log.warning("%s", error)  # the rows say it too
        self._db.close()

    def abandon(self) -> None:
        """Release a file that was not read to its end, as it is."""
        self._db.close()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # SQLite says what stands in the way


def _content(path: Path) -> bytes:
    """What a file holds; nothing when there is none."""
    try:
        return path.read_bytes() if os.path.exists(path) else b""
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}", "check who owns it") from error
