"""Pid files that survive pid reuse: the pid and the kernel's start time of that process."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """A process that was alive when it was looked up. `started` is in clock ticks after boot."""

    pid: int
    started: int

    def alive(self) -> bool:
        return _start_time(self.pid) == self.started

    def resident_bytes(self) -> int:
        """Resident memory; 0 when the process has gone."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal unless the process has gone."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL after `grace` seconds (at once with 0); returns once it has gone."""
        self.signal(signal.SIGTERM if grace else signal.SIGKILL)
        deadline = time.monotonic() + grace
        while self.alive():
            if time.monotonic() > deadline:
                self.signal(signal.SIGKILL)
            time.sleep(0.01)


def _start_time(pid: int) -> int:
    """Field 22 of /proc/PID/stat, counted after the command name; 0 for gone and for zombies."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] in "ZX" else int(fields[19])


def write(path: Path, pid: int) -> None:
    """Record a running process, atomically."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(f"{pid} {_start_time(pid)}\n")
    os.replace(temporary, path)


def read(path: Path) -> Process | None:
    """The process recorded there, if it still runs."""
    try:
        pid, started = (int(word) for word in path.read_text().split())
    except (OSError, ValueError):
        return None
    process = Process(pid, started)
    return process if process.alive() else None
