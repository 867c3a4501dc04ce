"""What this machine is: the facts a Node object tells."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

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
