"""The durable store: the core of core.py over a JournalFile.

The whole state is in memory; the file is read once, at open.
"""

from __future__ import annotations

import gc
import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from grappe.base.errors import UserError
from grappe.store.archive import Archive
from grappe.store.bucket import Bucket
from grappe.store.core import HistoryLimits, JournaledStore
from grappe.store.format import Row
from grappe.store.interface import Event, EventType, Record
from grappe.store.journal import JournalFile
from grappe.store.pruning import PrunedJournal
from grappe.store.sealing import Sealing

log = logging.getLogger("grappe.store")


class SqliteStore(JournaledStore):
    """A Store in one SQLite file (write-ahead log, synchronous=FULL)."""

    def __init__(
        self,
        file: JournalFile,
        indexes: Iterable[tuple[str, str]],
        limits: HistoryLimits,
        archive: Archive | None,
    ) -> None:
        journal = PrunedJournal(file, self._floors, archive.note if archive else None)
        super().__init__(journal, indexes, limits)
        self._archive = archive
        with _nothing_collected():
            missed = self._load(file, journal)
        pruned = max((file.progress.compacted, *file.floors.values()))
        stale = file.stale
        if archive is not None:
            self._require_archived(archive)
            if file.exposed:
                archive.empty()  # before the rows are sealed: a crash must not leave it behind
        file.reseal()
        if archive is not None:
            # What was missed is whole unless something above what is archived has been pruned.
            whole = pruned <= archive.reached and not stale
            archive.begin(self._everything, file.encode, missed if whole else None)

    @classmethod
    def open(
        cls,
        path: Path,
        indexes: Iterable[tuple[str, str]] = (),
        limits: HistoryLimits | None = None,
        sealing: Sealing | None = None,
        archive: Archive | None = None,
    ) -> SqliteStore:
        """Open or create the database; UserError when it is in use, damaged or unreadable, or when
        less is in it than in its archive. `sealing` encrypts what it speaks of; what was written
        otherwise is rewritten now."""
        file = JournalFile(path, sealing)
        try:
            return cls(file, indexes, limits or HistoryLimits(), archive)
        except BaseException:
            file.abandon()
            raise

    def _load(self, file: JournalFile, journal: PrunedJournal) -> list[Row]:
        """Rebuild state and history, handing over the rows a crash left to be pruned. The rows
        that are not in the archive yet."""
        floors = file.floors
        compacted = file.progress.compacted
        states: dict[str, dict[str, Record]] = {}
        histories: dict[str, list[Event]] = {}
        dead: list[int] = []
        missed: list[Row] = []
        archived = self._archive.reached if self._archive is not None else sys.maxsize
        last = ""
        for name, deleted, record in file.rows(self._shared):
            if name != last:
                last, state = name, states.setdefault(name, {})
                history = histories.setdefault(name, [])
                floor = max(floors.get(name, 0), compacted)
            revision, key = record.revision, record.key
            if revision > archived:
                missed.append(Row(name, bool(deleted), record))
            previous = state.get(key)
            if deleted:
                state.pop(key, None)
            else:
                state[key] = record
            if revision > floor:
                kind: EventType = "MODIFIED" if previous is not None else "ADDED"
                history.append(Event("DELETED" if deleted else kind, record, previous))
                continue
            if previous is not None:
                dead.append(previous.revision)
            if deleted:
                dead.append(revision)
        self._compacted = compacted
        for name in states.keys() | floors.keys():
            floor = max(floors.get(name, 0), compacted)
            bucket = self._buckets[name] = Bucket(self._indexed.get(name, ()), floor)
            limits = self._limits
            dead += bucket.load(
                states.get(name, {}), histories.get(name, ()), limits.bytes, limits.events
            )
        self._revision = self._assigned = file.progress.revision
        journal.adopt(dead)
        return missed

    def _require_archived(self, archive: Archive) -> None:
        """UserError when the archive goes on behind the end of the database."""
        if archive.reached > self._revision:
            raise UserError(
                f"the database ends at revision {self._revision}, but {archive.reached} was"
                f" archived in {archive.directory}: writes are missing",
                "run: grappe restore; or go on without them: move that directory away",
            )

    def _everything(self) -> tuple[int, Iterator[Row]]:
        """The newest revision and all that is alive: references are copied at once, which takes
        little, and rows made of them as they are asked for."""
        alive = [(name, [*bucket.records.values()]) for name, bucket in self._buckets.items()]
        rows = (Row(name, False, record) for name, records in alive for record in records)
        return self._revision, rows

    async def close(self) -> None:
        self._commit()
        if self._archive is not None and not self._closed:
            try:
                await self._archive.flush()
            except OSError as error:
                log.warning("cannot write the archive: %s", error)
        await super().close()


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """Without the garbage collector: what is loaded is to stay, and looking at it takes time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
