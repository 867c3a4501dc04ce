"""What a database file holds, format by format: its tables, and a record as a line of them.

Every line carries a checksum of all that is in it, and `total`: the sum of the checksums of all
lines ever written up to it. With the sum of those pruned since, a line that has gone missing shows
as surely as one that has changed. Pure; no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple, TypeAlias
from zlib import crc32

import orjson

from grappe.base.errors import UserError
from grappe.store.interface import Record
from grappe.store.sealing import Sealing, place

FORMAT = 2
"""`PRAGMA user_version` of the files this release writes; it reads all before (migrations.py)."""

TABLES = """
CREATE TABLE journal (
    revision INTEGER PRIMARY KEY,
    deleted INTEGER NOT NULL,
    bucket TEXT NOT NULL,
    key TEXT NOT NULL,
    body BLOB NOT NULL,
    labels BLOB,
    fields BLOB,
    checksum INTEGER NOT NULL,
    total INTEGER NOT NULL
);
CREATE TABLE floor (bucket TEXT PRIMARY KEY, revision INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE progress (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    revision INTEGER NOT NULL,
    compacted INTEGER NOT NULL,
    total INTEGER NOT NULL,
    pruned INTEGER NOT NULL,
    checksum INTEGER NOT NULL
)
"""

Values: TypeAlias = tuple[int, bool, str, str, bytes, bytes | None, bytes | None, int]
"""A line as the file has it, without its total: revision, deleted, bucket, key, body, labels,
fields, checksum. The body is sealed where it has to be, and the checksum that of the sealed one."""

_SUM_BITS = (1 << 62) - 1


class Row(NamedTuple):
    """One line of the journal."""

    bucket: str
    deleted: bool
    record: Record


class Progress(NamedTuple):
    """How far a file has come, as noted when it was last pruned or closed.

    `revision` was the newest then. Nothing at or below `compacted` can be watched in any bucket.
    `total` is the sum of the checksums of all lines up to `revision`, `pruned` that of the lines
    that are gone. The totals of lines up to `revision` say nothing more: some may have been sealed
    anew since.
    """

    revision: int = 0
    compacted: int = 0
    total: int = 0
    pruned: int = 0

    def checksum(self, floors: Mapping[str, int]) -> int:
        """Covers the floors too: a wrong floor would let a watch miss events."""
        return crc32(repr((tuple(self), sorted(floors.items()))).encode())


def added(total: int, checksums: Iterable[int]) -> int:
    """A sum of checksums with more of them in it."""
    return (total + sum(checksums)) & _SUM_BITS


def encode(row: Row, sealing: Sealing | None = None) -> Values:
    """A row as a line of the file."""
    bucket, deleted, record = row
    labels = orjson.dumps(record.labels) if record.labels else None
    fields = orjson.dumps(record.fields) if record.fields else None
    body, revision, key = record.body, record.revision, record.key
    if sealing is not None and sealing.seals(bucket):
        body = sealing.seal(bucket, place(bucket, key, revision, deleted), body)
    seal = checksum(revision, deleted, bucket, key, body, labels, fields)
    return (revision, deleted, bucket, key, body, labels, fields, seal)


def opened(values: Values, sealing: Sealing | None) -> bytes:
    """The body of a sealed line; UserError when there is no key that opens it."""
    if sealing is None:
        raise UserError(
            "the database holds encrypted objects, and no keys were given to open them",
            "start it with: grappe up",
        )
    revision, deleted, bucket, key, body = values[:5]
    return sealing.unseal(place(bucket, key, revision, bool(deleted)), body)


def verify(values: Values) -> None:
    """ValueError when a line is not what was written; needs no key."""
    try:
        found = checksum(*values[:7])
    except (TypeError, ValueError):  # a column of another type
        found = -1
    if found != values[7]:
        raise ValueError("wrong checksum")


def checksum(
    revision: int,
    deleted: bool,
    bucket: str,
    key: str,
    body: bytes,
    labels: bytes | None,
    fields: bytes | None,
) -> int:
    """What shows a line that the disk, not we, have changed."""
    head = f"{revision}\0{deleted:d}\0{bucket}\0{key}".encode()
    return crc32(body, crc32(b"\0".join((head, labels or b"", fields or b""))))
