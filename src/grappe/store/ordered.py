"""Records in key order, in chunks: an insertion moves hundreds of references, never all of them.

One flat list is quicker up to some thousand records; at 50,000 an insertion into it cost more than
the transaction that stores it. Plain data structure; no I/O, no event loop.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping

from grappe.store.interface import Record

_CHUNK = 512
"""Records a chunk has when it is made; it is split at twice as many."""


class OrderedRecords:
    """Records by key. Keys and records stand in parallel lists, so that a range is a slice."""

    __slots__ = ("_firsts", "_keys", "_rows")

    def __init__(self, records: Mapping[str, Record] | None = None) -> None:
        keys = sorted(records or ())
        rows = [records[key] for key in keys] if records else []
        starts = range(0, len(keys), _CHUNK)
        self._keys = [keys[start : start + _CHUNK] for start in starts] or [[]]
        self._rows = [rows[start : start + _CHUNK] for start in starts] or [[]]
        # The first key each chunk may hold; the first chunk may hold any.
        self._firsts = [chunk[0] for chunk in self._keys[1:]]

    def __iter__(self) -> Iterator[Record]:
        for rows in self._rows:
            yield from rows

    def put(self, record: Record) -> None:
        """Add a record, or replace the one with its key."""
        key = record.key
        number = bisect_right(self._firsts, key)
        keys, rows = self._keys[number], self._rows[number]
        place = bisect_left(keys, key)
        if place < len(keys) and keys[place] == key:
            rows[place] = record
            return
        keys.insert(place, key)
        rows.insert(place, record)
        if len(keys) >= 2 * _CHUNK:
            # Names that count up fill a chunk at its end: leave it full.
            middle = _CHUNK if place < len(keys) - 1 else len(keys) - 1
            self._firsts.insert(number, keys[middle])
            self._keys.insert(number + 1, keys[middle:])
            self._rows.insert(number + 1, rows[middle:])
            del keys[middle:], rows[middle:]

    def remove(self, key: str) -> None:
        """Remove the record with that key; KeyError when there is none."""
        number = bisect_right(self._firsts, key)
        keys, rows = self._keys[number], self._rows[number]
        place = bisect_left(keys, key)
        if place == len(keys) or keys[place] != key:
            raise KeyError(key)
        del keys[place], rows[place]
        if not keys and len(self._keys) > 1:
            del self._keys[number], self._rows[number]
            del self._firsts[max(0, number - 1)]

    def select(self, prefix: str, after: str, limit: int = 0) -> list[Record]:
        """Records whose key starts with `prefix` and is above `after`, in key order: all, or the
        first `limit`."""
        found: list[Record] = []
        if not prefix and not after and not limit:
            for rows in self._rows:
                found += rows
            return found
        end = _end(prefix)
        number = bisect_right(self._firsts, max(prefix, after))
        for keys, rows in zip(self._keys[number:], self._rows[number:], strict=True):
            start = _start(keys, prefix, after)
            last = bool(end and keys and keys[-1] >= end)
            stop = bisect_left(keys, end, lo=start) if last else len(keys)
            if limit and stop - start >= limit - len(found):
                return found + rows[start : start + limit - len(found)]
            found += rows[start:stop] if start or last else rows
            if last:
                break
        return found

    def count(self, prefix: str, after: str) -> int:
        """How many records `select` finds without a limit."""
        found = 0
        end = _end(prefix)
        number = bisect_right(self._firsts, max(prefix, after))
        for keys in self._keys[number:]:
            start = _start(keys, prefix, after)
            if end and keys and keys[-1] >= end:
                return found + bisect_left(keys, end, lo=start) - start
            found += len(keys) - start
        return found


def _start(keys: list[str], prefix: str, after: str) -> int:
    return bisect_left(keys, prefix) if prefix > after else bisect_right(keys, after)


def _end(prefix: str) -> str:
    """The first text above all that start with `prefix`; empty when all texts do."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else ""
