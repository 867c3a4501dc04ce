"""mount(2) and umount2(2) through libc: no program is started for a volume in memory."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_MNT_DETACH = 2
_MS_NOSUID, _MS_NODEV = 2, 4


def _check(result: int, path: Path) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(path))


def mount_tmpfs(path: Path, options: str) -> None:
    """Mount an empty tmpfs; `options` such as `mode=0777,size=1048576`. OSError when refused."""
    libc = ctypes.CDLL(None, use_errno=True)
    flags = ctypes.c_ulong(_MS_NOSUID | _MS_NODEV)
    _check(libc.mount(b"tmpfs", os.fsencode(path), b"tmpfs", flags, options.encode()), path)


def unmount(path: Path) -> None:
    """Detach lazily, so that what a dead process still holds is in nobody's way."""
    libc = ctypes.CDLL(None, use_errno=True)
    _check(libc.umount2(os.fsencode(path), _MNT_DETACH), path)


def mount_points(below: Path) -> list[Path]:
    """Everything mounted at or below a directory, the deepest first."""
    prefix = os.path.realpath(below)
    found = []
    with open("/proc/thread-self/mountinfo") as lines:
        for line in lines:
            point = line.split()[4].encode().decode("unicode_escape")
            if point == prefix or point.startswith(prefix + "/"):
                found.append(Path(point))
    return sorted(found, key=lambda path: len(path.parts), reverse=True)
