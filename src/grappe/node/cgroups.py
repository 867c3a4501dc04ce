"""The pods' cgroups: made with the pod's own limits, removed when it is gone.

The runtime makes a container's cgroup and takes it away, but never its parents. Works with cgroup
v1, v2 and both mounted (hybrid); controllers that are not there are left alone.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def hierarchies() -> dict[str, Path]:
    """Mounted hierarchies: v1 controllers by name (`cpu`, `memory` …), v2 as `unified`."""
    found: dict[str, Path] = {}
    with open("/proc/thread-self/mountinfo") as lines:
        for line in lines:
            left, _, right = line.partition(" - ")
            kind, _, options = right.split(maxsplit=2)
            point = Path(left.split()[4])
            if kind == "cgroup2":
                found.setdefault("unified", point)
            elif kind == "cgroup":
                for option in options.strip().split(","):
                    if option not in ("rw", "ro", "xattr"):
                        found.setdefault(option, point)
    return found


def _write(directory: Path, name: str, value: str) -> None:
    # A controller that is not enabled has no such file; limits of containers still hold.
    with contextlib.suppress(OSError):
        (directory / name).write_text(value)


def weight_of_shares(shares: int) -> int:
    """cpu.weight (1 to 10000) for cpu.shares (2 to 262144), as runtimes convert it."""
    return 1 + ((shares - 2) * 9999) // 262142


def create(path: str, *, cpu_shares: int, cpu_quota: int | None, memory: int | None) -> None:
    """Make a pod's cgroup below every root. Quota in µs per 100 ms; None: no limit."""
    for name, root in hierarchies().items():
        directory = root / path.lstrip("/")
        if name not in ("cpu", "memory", "unified"):
            continue
        try:
            directory.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if name == "cpu":
            _write(directory, "cpu.shares", str(cpu_shares))
            if cpu_quota is not None:
                _write(directory, "cpu.cfs_quota_us", str(cpu_quota))
        elif name == "memory" and memory is not None:
            _write(directory, "memory.limit_in_bytes", str(memory))
        elif name == "unified":
            _write(directory, "cpu.weight", str(weight_of_shares(cpu_shares)))
            if cpu_quota is not None:
                _write(directory, "cpu.max", f"{cpu_quota} 100000")
            if memory is not None:
                _write(directory, "memory.max", str(memory))


def remove(path: str) -> None:
    """Remove a cgroup and all below it from every hierarchy, as far as no process is in them."""
    relative = path.strip("/")
    if not relative:
        return
    for root in set(hierarchies().values()):
        for directory, _, _ in os.walk(root / relative, topdown=False):
            with contextlib.suppress(OSError):
                os.rmdir(directory)


def processes(path: str) -> set[int]:
    """The pids in a cgroup and below it."""
    found: set[int] = set()
    for root in set(hierarchies().values()):
        for directory, _, _ in os.walk(root / path.strip("/")):
            with contextlib.suppress(OSError), open(f"{directory}/cgroup.procs") as pids:
                found |= {int(pid) for pid in pids}
    return found
