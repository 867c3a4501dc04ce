"""A journal that stays proportional to what is alive.

Rows that nothing needs any more are deleted in slices of about a millisecond when the loop is
idle, or at the pace of the writes when it never is; free pages go back to the file system.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice

from grappe.store.core import Write
from grappe.store.format import Row, Values
from grappe.store.interface import CommitFailedError
from grappe.store.journal import JournalFile

log = logging.getLogger("grappe.store")

_SLICE_ROWS = 100
_SLICE_PAGES = 100
_IDLE_SECONDS = 0.1
_PAUSE_SECONDS = 0.005
_BACKLOG_ROWS = 5_000
"""Above this many dead rows the slices no longer wait for an idle moment."""


class PrunedJournal:
    """A Journal (see core.py) over a JournalFile.

    `floors` gives the floor of every bucket, to be noted with each slice; `written` is told of
    each group once it is on disk.
    """

    def __init__(
        self,
        file: JournalFile,
        floors: Callable[[], Mapping[str, int]],
        written: Callable[[Sequence[Values]], None] | None = None,
    ) -> None:
        self._file = file
        self._floors = floors
        self._written = written
        self._dead: deque[int] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._commits = 0
        self._commits_seen = 0

    def append(self, writes: Sequence[Write]) -> None:
        self._commits += 1
        values = self._file.append(
            [Row(bucket, event.type == "DELETED", event.record) for bucket, event, _ in writes]
        )
        if self._written is not None:
            self._written(values)
        if self._dead and self._timer is None:
            self._schedule(_IDLE_SECONDS)

    def adopt(self, revisions: Iterable[int]) -> None:
        """Take over what the last process did not get round to; pruned after the first write."""
        self._dead.extend(revisions)

    def forget(self, revisions: Sequence[int]) -> None:
        self._dead.extend(revisions)
        if self._timer is None:
            self._schedule(_IDLE_SECONDS)

    def _schedule(self, seconds: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(seconds, self._tidy)

    def _tidy(self) -> None:
        """One slice, or none while writes keep the loop busy."""
        self._timer = None
        busy = self._commits != self._commits_seen
        self._commits_seen = self._commits
        if busy and len(self._dead) <= _BACKLOG_ROWS:
            self._schedule(_IDLE_SECONDS)
        elif self._slice():
            self._schedule(_PAUSE_SECONDS)

    def _slice(self) -> bool:
        """Do one slice; False when nothing is left to do for now."""
        if not self._dead:
            return self._file.shrink(_SLICE_PAGES)
        revisions = list(islice(self._dead, _SLICE_ROWS))
        try:
            self._file.prune(revisions, self._floors())
        except CommitFailedError as error:
            # Nothing is lost: the rows stay until a later write finds the disk well again.
            log.warning("cannot prune history: %s", error)
            return False
        for _ in revisions:
            self._dead.popleft()
        return True

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._file.close()
