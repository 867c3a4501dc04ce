"""emptyDir and hostPath volumes, group ownership, and taking all of it away again."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

from grappe.api import Object, quantity
from grappe.node.volumes.payload import MountFault


def mount_points(below: Path) -> list[Path]:
    """Everything mounted under a directory, the deepest first."""
    prefix = os.path.realpath(below)
    found = []
    with open("/proc/thread-self/mountinfo") as lines:
        for line in lines:
            point = line.split()[4].encode().decode("unicode_escape")
            if point == prefix or point.startswith(prefix + "/"):
                found.append(Path(point))
    return sorted(found, key=lambda path: len(path.parts), reverse=True)


def unmount_below(directory: Path) -> None:
    """Lazily, so that what a dead process still holds is in nobody's way."""
    for point in mount_points(directory):
        subprocess.run(["umount", "-l", str(point)], check=False, capture_output=True)


def empty_dir(path: Path, source: Object) -> None:
    """A directory of the pod's own, world-writable; in memory when its medium says so."""
    path.mkdir(parents=True, exist_ok=True)
    if source.get("medium") == "Memory" and not os.path.ismount(path):
        options = "mode=0777"
        if source.get("sizeLimit"):
            options += f",size={quantity.units(source['sizeLimit'])}"
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)],
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise MountFault(f"mount of tmpfs failed: {done.stderr.strip()}")
    path.chmod(0o777)


_KINDS = {
    "Directory": (stat.S_ISDIR, "directory"),
    "DirectoryOrCreate": (stat.S_ISDIR, "directory"),
    "File": (stat.S_ISREG, "file"),
    "FileOrCreate": (stat.S_ISREG, "file"),
    "Socket": (stat.S_ISSOCK, "socket file"),
    "CharDevice": (stat.S_ISCHR, "character device"),
    "BlockDevice": (stat.S_ISBLK, "block device"),
}


def host_path(source: Object) -> Path:
    """The path, checked and created as `hostPath.type` asks.

    https://kubernetes.io/docs/concepts/storage/volumes/#hostpath-volume-types
    """
    path, kind = Path(source["path"]), source.get("type") or ""
    if not kind:
        return path
    try:
        if kind == "DirectoryOrCreate" and not path.exists():
            path.mkdir(parents=True, mode=0o755)
        if kind == "FileOrCreate" and not path.exists():
            path.touch(mode=0o644)
        check, word = _KINDS[kind]
        if check(path.stat().st_mode):
            return path
    except FileNotFoundError:
        word = _KINDS[kind][1]
    except OSError as error:
        raise MountFault(f"hostPath type check failed: {path}: {error.strerror}") from error
    raise MountFault(f"hostPath type check failed: {path} is not a {word}")


def set_group(root: Path, group: int, *, on_root_mismatch: bool) -> None:
    """fsGroup: everything belongs to the group, which may read and write; new files inherit it.

    https://kubernetes.io/docs/tasks/configure-pod-container/security-context/#set-the-security-context-for-a-pod
    """
    top = root.stat()
    if on_root_mismatch and top.st_gid == group and top.st_mode & stat.S_ISGID:
        return
    for directory, _, files in os.walk(root):
        os.chown(directory, -1, group)
        os.chmod(directory, stat.S_IMODE(os.stat(directory).st_mode) | 0o2770)
        for name in files:
            path = os.path.join(directory, name)
            if not os.path.islink(path):
                os.chown(path, -1, group)
                os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | 0o660)


def remove(directory: Path) -> None:
    """Unmount what is mounted below, then delete; never follows a mount into foreign data."""
    unmount_below(directory)
    if mount_points(directory):
        raise OSError(f"{directory} is still mounted")
    shutil.rmtree(directory, ignore_errors=True)


def within(root: Path, sub_path: str) -> Path:
    """The place of a subPath in a volume, made when it is not there; MountFault when it would lead
    out of the volume, by `..` or through a link."""
    base = root.resolve()
    target = (base / sub_path).resolve()
    if target != base and base not in target.parents:
        raise MountFault(f'subPath "{sub_path}" leads out of its volume')
    if not target.exists():
        target.mkdir(parents=True, mode=0o755)
        target.chmod(base.stat().st_mode & 0o7777)
    return target
