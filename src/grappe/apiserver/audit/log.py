"""`audit.log`: lines gathered in memory, written in batches, in files that are turned over."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path

log = logging.getLogger("grappe.apiserver.audit")

FILE_BYTES = 20 * 1024 * 1024
FILES = 5
"""`audit.log` and `audit.log.1` (the youngest) to `.4`."""
_FLUSH_SECONDS = 0.1
_SLICE = 100
"""Lines made before others on the loop get a turn."""
_MOST_LINES = 10_000
_MOST_BYTES = 4 * 1024 * 1024
"""More than that is written at once, whoever waits."""

Line = Callable[[], bytes]


class AuditLog:
    """`add` takes what makes a line; it is made and written a moment later. `lost` counts the
    lines that a full or broken disk has cost. `forward` is given whatever lines are made."""

    def __init__(
        self,
        path: Path,
        file_bytes: int = FILE_BYTES,
        forward: Callable[[Sequence[bytes]], None] | None = None,
    ) -> None:
        self._path = path
        self._forward = forward
        self.lost = 0
        self._file_bytes = file_bytes
        self._lines: list[Line] = []
        self._bytes = 0
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._file: int | None = None
        self._size = 0
        self._complained = False

    def add(self, line: Line, held: int) -> None:
        """One more line, which holds about so many bytes in memory until it is written."""
        self._lines.append(line)
        self._bytes += held
        if len(self._lines) >= _MOST_LINES or self._bytes >= _MOST_BYTES:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_FLUSH_SECONDS, self._tick)

    def _tick(self) -> None:
        self._timer = None
        lines, self._lines = self._lines[:_SLICE], self._lines[_SLICE:]
        self._write(lines)
        if self._lines:
            self._timer = asyncio.get_running_loop().call_soon(self._tick)
        else:
            self._bytes = 0

    def flush(self) -> None:
        """Write what is waiting."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, []
        self._bytes = 0
        self._write(lines)

    def close(self) -> None:
        self.flush()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write(self, lines: list[Line]) -> None:
        if not lines:
            return
        made = [line() for line in lines]
        if self._forward is not None:
            self._forward(made)
        text = b"".join(made)
        try:
            if self._file is None or self._size + len(text) > self._file_bytes:
                self._open()
            self._append(text)
        except OSError as error:
            self.lost += len(lines)
            if not self._complained:
                log.warning("cannot write %s: %s", self._path, error.strerror)
            self._complained = True
        else:
            self._complained = False

    def _append(self, text: bytes) -> None:
        """All of it or, with OSError, nothing: half a line would spoil the next one."""
        assert self._file is not None
        view = memoryview(text)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(text)

    def _open(self) -> None:
        """The file to go on with, after turning over one that is full."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if self._path.exists() and self._path.stat().st_size >= self._file_bytes // 2:
            for number in range(FILES - 1, 0, -1):
                older = self._name(number - 1)
                if older.exists():
                    os.replace(older, self._name(number))
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._file = os.open(self._path, flags, 0o600)
        self._size = os.fstat(self._file).st_size

    def _name(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path
