"""The durable store: the core of core.py over a JournalFile.

The whole state is in memory; the file is read once, at open.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from grappe.store.bucket import Bucket
from grappe.store.core import HistoryLimits, JournaledStore
from grappe.store.interface import Event, Record
from grappe.store.journal import JournalFile
from grappe.store.pruning import PrunedJournal


class SqliteStore(JournaledStore):
    """A Store in one SQLite file (write-ahead log, synchronous=FULL)."""

    def __init__(
        self, file: JournalFile, indexes: Iterable[tuple[str, str]], limits: HistoryLimits
    ) -> None:
        journal = PrunedJournal(file, self._floors)
        super().__init__(journal, indexes, limits)
        self._load(file, journal)

    @classmethod
    def open(
        cls,
        path: Path,
        indexes: Iterable[tuple[str, str]] = (),
        limits: HistoryLimits | None = None,
    ) -> SqliteStore:
        """Open or create the database; UserError when it is in use, damaged or unreadable."""
        file = JournalFile(path)
        try:
            return cls(file, indexes, limits or HistoryLimits())
        except BaseException:
            file.abandon()
            raise

    def _load(self, file: JournalFile, journal: PrunedJournal) -> None:
        """Rebuild state and history, handing over the rows a crash left to be pruned."""
        floors = file.floors
        compacted = file.progress.compacted
        states: dict[str, dict[str, Record]] = {}
        histories: dict[str, list[Event]] = {}
        dead: list[int] = []
        for name, deleted, record in file.rows():
            state = states.setdefault(name, {})
            previous = state.get(record.key)
            if deleted:
                state.pop(record.key, None)
            else:
                state[record.key] = record
            if record.revision > max(floors.get(name, 0), compacted):
                event = (
                    Event("DELETED", record, previous)
                    if deleted
                    else Event("ADDED" if previous is None else "MODIFIED", record, previous)
                )
                histories.setdefault(name, []).append(event)
                continue
            if previous is not None:
                dead.append(previous.revision)
            if deleted:
                dead.append(record.revision)
        self._compacted = compacted
        for name in states.keys() | floors.keys():
            floor = max(floors.get(name, 0), compacted)
            bucket = self._buckets[name] = Bucket(self._indexed.get(name, ()), floor)
            bucket.load(states.get(name, {}), histories.get(name, ()))
            dead.extend(bucket.trim(self._limits.bytes, self._limits.events, 0))
        self._revision = self._assigned = file.progress.revision
        journal.adopt(dead)
