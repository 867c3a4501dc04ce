"""What this machine is: the facts a Node object tells."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


@dataclass(frozen=True, slots=True)
class Machine:
    """`memory` and `disk` in bytes."""

    architecture: str
    cpus: int
    memory: int
    disk: int
    kernel: str
    os_image: str
    machine_id: str
    system_uuid: str
    boot_id: str


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""


def _os_image() -> str:
    for line in _read("/etc/os-release").splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.partition("=")[2].strip('"')
    return "Linux"


class Pressures(NamedTuple):
    """What the machine is short of."""

    memory: bool = False
    disk: bool = False
    pids: bool = False


_LEAST_MEMORY = 100 << 20
_LEAST_DISK = 1 << 30
_LEAST_DISK_SHARE = 0.1
_LEAST_PIDS_SHARE = 0.1


def judge(
    *, memory_available: int, disk_available: int, disk_size: int, pids: int, pids_most: int
) -> Pressures:
    """By the kubelet's thresholds (100 MiB of memory, a tenth of the disk), except that a disk with
    a GiB left is not full: many a laptop's never has a tenth
    (https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/)."""
    least = min(_LEAST_DISK, int(disk_size * _LEAST_DISK_SHARE))
    return Pressures(
        memory_available < _LEAST_MEMORY,
        disk_available < least,
        pids > pids_most * (1 - _LEAST_PIDS_SHARE),
    )


def pressures(directory: Path) -> Pressures:
    """Look now. `directory` is on the disk that counts."""
    disk = os.statvfs(directory)
    available = [
        int(line.split()[1]) * 1024
        for line in _read("/proc/meminfo").splitlines()
        if line.startswith("MemAvailable:")
    ]
    threads = _read("/proc/loadavg").split()[3:4]
    return judge(
        memory_available=available[0] if available else _LEAST_MEMORY,
        disk_available=disk.f_bavail * disk.f_frsize,
        disk_size=disk.f_blocks * disk.f_frsize,
        pids=int(threads[0].partition("/")[2]) if threads else 0,
        pids_most=int(_read("/proc/sys/kernel/pid_max") or 1 << 22),
    )


def inspect(directory: Path) -> Machine:
    """`directory` says which file system counts as ephemeral storage."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    disk = os.statvfs(directory)
    machine = platform.machine()
    machine_id = _read("/etc/machine-id")
    return Machine(
        _ARCHITECTURES.get(machine, machine),
        len(os.sched_getaffinity(0)),
        pages * size,
        disk.f_blocks * disk.f_frsize,
        platform.release(),
        _os_image(),
        machine_id,
        _read("/sys/class/dmi/id/product_uuid") or machine_id,
        _read("/proc/sys/kernel/random/boot_id"),
    )
