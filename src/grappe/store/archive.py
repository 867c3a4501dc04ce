"""The archive: everything that was committed, kept beside the database for restores.

A *base* is the whole state at one revision, a *log* what came after; a base and the logs behind it
are a chain. Logs are written every few minutes, at once when there is much, on `hurry`, and when
the store closes; after a crash the next start catches up from the journal. A new base begins a new
chain once the logs outweigh the last one. The oldest chains go when the archive is too large or
too old, so it stays proportional to the state.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from grappe.base.clock import Clock
from grappe.store.format import Row, Values, encode
from grappe.store.segment import Header, Writer, named

log = logging.getLogger("grappe.store")

_PERIOD = 300.0
_PENDING_BYTES = 1 << 20
_FORGET_BYTES = 64 << 20
"""So much waits for a disk that refuses the archive; then a base has to start it anew."""
_SLICE = 200  # lines that are encoded before the loop has its turn
_LOGS = 288  # of one chain: a day's

_Group = tuple[float, Sequence[Values]]
Snapshot = Callable[[], tuple[int, Iterator[Row]]]
"""The newest revision and everything alive at it, whatever is written while it is gone through."""
Encode = Callable[[Row], Values]
"""A row as the database has it: sealed, if it has to be."""


@dataclass(frozen=True, slots=True)
class ArchiveLimits:
    """The archive is no larger than `bytes` and `bases` times the newest base, and its chains end
    no longer ago than `seconds`; the newest chain always stays."""

    bytes: int = 64 << 20
    bases: int = 4
    seconds: float = 7 * 86400.0


class Archive:
    """The files of one directory. `note` is called at each commit; `run` writes."""

    def __init__(self, directory: Path, clock: Clock, limits: ArchiveLimits | None = None) -> None:
        self.directory = directory
        self._clock = clock
        self._limits = limits or ArchiveLimits()
        self._pending: list[_Group] = []
        self._bytes = 0
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        self._snapshot: Snapshot = lambda: (0, iter(()))
        self._encode: Encode = encode
        self._base_due = True
        for left in directory.glob("*.tmp"):
            left.unlink(missing_ok=True)
        self.reached = max((header.revision for _, header in files(directory)), default=0)
        """The newest revision that is in it."""

    def begin(self, snapshot: Snapshot, encoded: Encode, missed: Sequence[Row] | None) -> None:
        """Follow a store. `missed` are the commits above `reached`, or None for a new chain: when
        they are no longer all known, or no longer encoded as they were."""
        self._snapshot, self._encode = snapshot, encoded
        self._base_due = missed is None or not self.reached
        if missed and not self._base_due:
            self.note([encoded(row) for row in missed])
        if self._base_due:
            self._wake.set()

    def note(self, lines: Sequence[Values]) -> None:
        """A group that has been committed."""
        self._pending.append((self._clock.now(), lines))
        for line in lines:
            self._bytes += len(line[4])
        if self._bytes > _PENDING_BYTES:
            self._wake.set()
            if self._bytes > _FORGET_BYTES:
                self._forget()

    def empty(self) -> None:
        """Remove all there is: what is in it must no longer be readable."""
        for path, _ in files(self.directory):
            path.unlink(missing_ok=True)
        self.reached = 0

    def hurry(self) -> None:
        """Write what is there now."""
        self._wake.set()

    async def run(self) -> None:
        """Write now and then until cancelled."""
        while True:
            try:
                async with asyncio.timeout(_PERIOD):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()
            try:
                await self.flush()
            except OSError as error:
                log.warning("cannot write the archive: %s", error)

    async def flush(self) -> None:
        """On disk, up to the newest revision, when this returns; OSError."""
        async with self._writing:
            if not self._base_due:
                await self._write_log()
            if self._base_due or self._outgrown():
                await self._write_base()
                self._drop_old()

    def _forget(self) -> None:
        """Too much waits: the next file has to be a base."""
        self._pending, self._bytes, self._base_due = [], 0, True

    # -- writing ---------------------------------------------------------------------------------
    async def _write_log(self) -> None:
        groups, self._pending = self._pending, []
        size, self._bytes = self._bytes, 0
        if not groups:
            return
        header = Header("log", self.reached, groups[-1][1][-1][0], groups[-1][0])
        try:
            await self._write(header, groups)
        except BaseException:  # cancelled, too: what was taken up is still to be written
            self._pending = groups + self._pending
            self._bytes += size
            raise
        self.reached = header.revision

    async def _write_base(self) -> None:
        revision, rows = self._snapshot()
        now = self._clock.now()
        self._pending, self._bytes = [], 0
        self._base_due = True  # until it is written
        header = Header("base", 0, revision, now)
        pieces = iter(lambda: [*islice(rows, _SLICE)], [])
        await self._write(header, ((now, [self._encode(row) for row in piece]) for piece in pieces))
        self.reached = revision
        self._base_due = False

    async def _write(
        self, header: Header, groups: Iterable[tuple[float, Sequence[Values]]]
    ) -> None:
        writer = Writer(self.directory, header)
        try:
            for time, lines in groups:
                await writer.add(time, lines)
                await asyncio.sleep(0)
            await writer.close()
        except BaseException:
            writer.discard()
            raise

    # -- bounds ----------------------------------------------------------------------------------
    def _outgrown(self) -> bool:
        """Whether the logs of the newest chain outweigh its base."""
        sizes = [(header.kind, path.stat().st_size) for path, header in files(self.directory)]
        logs, total = 0, 0
        for kind, size in reversed(sizes):
            if kind == "base":
                return total > max(size, 4 * _PENDING_BYTES) or logs >= _LOGS
            logs, total = logs + 1, total + size
        return True

    def _drop_old(self) -> None:
        """Remove the oldest chains while there is too much."""
        chains: list[list[tuple[Path, Header]]] = []
        for path, header in files(self.directory):
            if header.kind == "base" or not chains:
                chains.append([])
            chains[-1].append((path, header))
        if not chains:
            return
        newest = chains[-1][0][0].stat().st_size
        room = self._limits.bytes + self._limits.bases * newest
        oldest = self._clock.now() - self._limits.seconds
        for chain in reversed(chains[:-1]):
            room -= sum(path.stat().st_size for path, _ in chain)
            if room < 0 or chain[-1][1].time < oldest:
                room = -1
                for path, _ in chain:
                    path.unlink(missing_ok=True)


def files(directory: Path) -> list[tuple[Path, Header]]:
    """The archive's files in the order they were written."""
    found = [(path, named(path)) for path in directory.glob("*-*.*")]
    return sorted(
        ((path, header) for path, header in found if header is not None),
        key=lambda file: (file[1].revision, file[1].kind == "base"),
    )
