"""One bucket in memory: its records in key order, its field indexes, and its recent history.

Only committed state lives here. Plain data structures; no I/O, no event loop.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter

from grappe.store.interface import CompactedError, Event, Record
from grappe.store.ordered import OrderedRecords

_EVENT_OVERHEAD = 300
"""Bytes an event costs besides its body: the event, its record, its labels and fields."""


class Bucket:
    """The committed records of one resource.

    `floor` is the oldest revision this bucket can still speak about: its state at `floor` and
    every event above it are known. `history_bytes` is what those events weigh.
    """

    __slots__ = ("_history", "_indexes", "_ordered", "floor", "history_bytes", "records")

    def __init__(self, indexed_fields: Iterable[str] = (), floor: int = 0) -> None:
        self.records: dict[str, Record] = {}
        self._ordered = OrderedRecords()
        self._indexes: dict[str, dict[str, set[str]]] = {field: {} for field in indexed_fields}
        self._history: deque[Event] = deque()
        self.floor = floor
        self.history_bytes = 0

    # -- reading ---------------------------------------------------------------------------------
    def select(self, prefix: str, after: str) -> list[Record]:
        """Records whose key starts with `prefix` and is above `after`, in key order."""
        return self._ordered.select(prefix, after)

    def select_at(self, prefix: str, after: str, revision: int) -> list[Record]:
        """The same at an older revision, by taking newer events back; CompactedError."""
        before = self._before(prefix, after, revision)
        return _taken_back(self.select(prefix, after), before)

    def page(self, prefix: str, after: str, limit: int, revision: int) -> tuple[list[Record], int]:
        """The first `limit` of them (at least one) at that revision, and how many are left."""
        before = self._before(prefix, after, revision)
        # So many more are taken as may turn out not to have been there.
        taken = self._ordered.select(prefix, after, limit + len(before))
        total = self._ordered.count(prefix, after)
        if before:
            records = self.records
            total += sum((r is not None) - (key in records) for key, r in before.items())
            if len(taken) == limit + len(before):
                last = taken[-1].key
                before = {key: record for key, record in before.items() if key <= last}
            taken = _taken_back(taken, before)[:limit]
        return taken, total - len(taken)

    def _before(self, prefix: str, after: str, revision: int) -> dict[str, Record | None]:
        """What was at the keys that have changed since; CompactedError."""
        if revision < self.floor:
            raise CompactedError(self.floor)
        found: dict[str, Record | None] = {}
        for event in reversed(self._history):
            record = event.record
            if record.revision <= revision:
                break
            if record.key > after and record.key.startswith(prefix):
                found[record.key] = event.previous
        return found

    def by_field(self, field: str, value: str) -> list[Record]:
        """Records with that field value, in key order; a scan when the field has no index."""
        index = self._indexes.get(field)
        if index is not None:
            return [self.records[key] for key in sorted(index.get(value, ()))]
        return [record for record in self._ordered if record.fields.get(field) == value]

    def events_after(self, revision: int) -> list[Event]:
        """Every event above `revision`, oldest first; CompactedError when some are gone."""
        if revision < self.floor:
            raise CompactedError(self.floor)
        found: list[Event] = []
        for event in reversed(self._history):
            if event.record.revision <= revision:
                break
            found.append(event)
        found.reverse()
        return found

    # -- writing ---------------------------------------------------------------------------------
    def apply(self, event: Event) -> None:
        """Make a committed event the newest state."""
        record = event.record
        key = record.key
        old = self.records.get(key)
        if event.type == "DELETED":
            if old is not None:
                del self.records[key]
                self._ordered.remove(key)
        else:
            self._ordered.put(record)
            self.records[key] = record
        for field, index in self._indexes.items():
            before = old.fields.get(field) if old is not None else None
            now = record.fields.get(field) if event.type != "DELETED" else None
            if before == now:
                continue
            if before is not None:
                keys = index[before]
                keys.discard(key)
                if not keys:
                    del index[before]
            if now is not None:
                index.setdefault(now, set()).add(key)
        self._history.append(event)
        self.history_bytes += len(record.body) + _EVENT_OVERHEAD

    def load(
        self, records: dict[str, Record], history: Sequence[Event], max_bytes: int, max_events: int
    ) -> list[int]:
        """Fill an empty bucket with a whole state at once (after a restart). Of its history only
        the newest is kept, within the bounds of `trim`; the revisions nothing needs any more."""
        self.records = records
        self._ordered = OrderedRecords(records)
        for field, index in self._indexes.items():
            for key, record in records.items():
                value = record.fields.get(field)
                if value is not None:
                    index.setdefault(value, set()).add(key)
        kept = 0
        for event in reversed(history):
            weight = len(event.record.body) + _EVENT_OVERHEAD
            if self.history_bytes + weight > max_bytes or kept == max_events:
                break
            self.history_bytes += weight
            kept += 1
        gone = history[: len(history) - kept]
        self._history.extend(history[len(gone) :])
        if gone:
            self.floor = gone[-1].record.revision
        dead = [event.previous.revision for event in gone if event.previous is not None]
        return dead + [event.record.revision for event in gone if event.type == "DELETED"]

    def trim(self, max_bytes: int, max_events: int, up_to: int) -> Iterator[int]:
        """Forget history beyond the bounds, and everything at or below revision `up_to`.

        Yields the revisions that nothing needs any more: those an event had replaced, and
        deletions themselves.
        """
        history = self._history
        while history and (
            self.history_bytes > max_bytes
            or len(history) > max_events
            or history[0].record.revision <= up_to
        ):
            event = history.popleft()
            self.history_bytes -= len(event.record.body) + _EVENT_OVERHEAD
            self.floor = event.record.revision
            if event.previous is not None:
                yield event.previous.revision
            if event.type == "DELETED":
                yield event.record.revision


_KEY = attrgetter("key")


def _taken_back(now: list[Record], before: Mapping[str, Record | None]) -> list[Record]:
    """Records in key order, with what was before at some keys instead of what is now."""
    if not before:
        return now
    found: list[Record] = []
    start = 0
    for key in sorted(before):
        place = bisect_left(now, key, lo=start, key=_KEY)
        found += now[start:place]
        record = before[key]
        if record is not None:
            found.append(record)
        start = place + 1 if place < len(now) and now[place].key == key else place
    return found + now[start:]
