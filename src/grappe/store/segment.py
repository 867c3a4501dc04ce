"""A file of the archive: what was committed between two revisions, or the whole state at one.

gzip around one line of JSON that says what it is, then groups: a length of four bytes and a
MessagePack array of the commit's time and its lines (format.py). A length of zero ends it, so that
a file cut short shows; gzip's checksum and that of each line show the rest.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec

from grappe.base.errors import UserError
from grappe.store.format import FORMAT, Values, verify

_PIECE = 256 * 1024
_LARGEST = 1 << 30

Kind = Literal["base", "log"]


class Header(msgspec.Struct, frozen=True):
    """`kind` base: the state at `revision`. log: every commit above `after`, up to `revision`.
    `time` is when the last of it was committed, in seconds since the epoch; `lines` is the format
    of the lines."""

    kind: Kind
    after: int
    revision: int
    time: float
    lines: int = FORMAT

    @property
    def name(self) -> str:
        """A file name that sorts by revision and says all that is needed to choose among files."""
        return f"{self.revision:020d}-{self.after:020d}-{int(self.time):011d}.{self.kind}"


def named(path: Path) -> Header | None:
    """What the name of a file says; None when it is no archive file's."""
    parts = path.stem.split("-")
    kind = path.suffix[1:]
    if len(parts) != 3 or kind not in ("base", "log") or not all(p.isdigit() for p in parts):
        return None
    return Header("base" if kind == "base" else "log", int(parts[1]), int(parts[0]), int(parts[2]))


class Writer:
    """Writes one file, piece by piece; it has its name once `close` has returned."""

    def __init__(self, directory: Path, header: Header) -> None:
        self.path = directory / header.name
        self._temporary = directory / f"{header.name}.tmp"
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._file: BinaryIO = os.fdopen(descriptor, "wb")
        self._compress = zlib.compressobj(1, zlib.DEFLATED, 31)
        self._pieces = [msgspec.json.encode(header) + b"\n"]
        self._size = 0

    async def add(self, time: float, lines: Sequence[Values]) -> None:
        """One group. What has gathered is compressed and written beside the event loop."""
        group = msgspec.msgpack.encode((time, lines))
        self._pieces += (len(group).to_bytes(4, "big"), group)
        self._size += len(group)
        if self._size >= _PIECE:
            pieces, self._pieces, self._size = self._pieces, [], 0
            await asyncio.to_thread(self._write, b"".join(pieces))

    async def close(self) -> None:
        """On disk, under its name, when this returns."""
        await asyncio.to_thread(self._finish, b"".join((*self._pieces, b"\0\0\0\0")))

    def discard(self) -> None:
        """Leave nothing behind; for a file that could not be written to its end."""
        try:
            self._file.close()
        except OSError:
            pass  # the disk has no room for what was still to be written
        self._temporary.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        self._file.write(self._compress.compress(data))

    def _finish(self, data: bytes) -> None:
        self._write(data)
        self._file.write(self._compress.flush())
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        os.replace(self._temporary, self.path)
        directory = os.open(self.path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def read(path: Path) -> Iterator[tuple[float, list[Values]]]:
    """The groups of a file, every line verified; UserError names the file and what is wrong."""
    with _told(path), gzip.open(path) as file:
        header = msgspec.json.decode(file.readline(4096), type=Header)
        if header.lines > FORMAT:
            raise UserError(
                f"{path} was written by a newer grappe (format {header.lines})",
                "install that version, or a newer one",
            )
        while size := int.from_bytes(_exactly(file, 4), "big"):
            if size > _LARGEST:
                raise ValueError("a length that cannot be")
            time, lines = msgspec.msgpack.decode(_exactly(file, size))
            found = [tuple(line) for line in lines]
            for line in found:
                verify(line)
            yield float(time), found
        if file.read(1):
            raise ValueError("more than its end")


def _exactly(file: Any, size: int) -> bytes:
    data: bytes = file.read(size)
    if len(data) != size:
        raise EOFError("it is cut short")
    return data


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, ValueError, TypeError, zlib.error, msgspec.MsgspecError) as error:
        raise UserError(
            f"{path} is damaged: {error}", "restore from another backup, or to an earlier time"
        ) from error
