"""emptyDir and hostPath volumes, group ownership, and taking all of it away again."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path

from grappe.api import Object, quantity
from grappe.node.volumes.mounts import mount_points, mount_tmpfs, unmount
from grappe.node.volumes.payload import MountFault


def unmount_below(directory: Path) -> None:
    """Unmount everything at or below a directory, as far as that is possible."""
    for point in mount_points(directory):
        with contextlib.suppress(OSError):
            unmount(point)


def in_memory(path: Path) -> None:
    """Make the directory of a volume whose content must not reach a disk."""
    path.mkdir(parents=True, exist_ok=True)
    if not os.path.ismount(path):
        mount_tmpfs(path, "mode=0755")


def empty_dir(path: Path, source: Object) -> None:
    """A directory of the pod's own, world-writable; in memory when its medium says so."""
    path.mkdir(parents=True, exist_ok=True)
    if source.get("medium") == "Memory" and not os.path.ismount(path):
        options = "mode=0777"
        if source.get("sizeLimit"):
            options += f",size={quantity.units(source['sizeLimit'])}"
        mount_tmpfs(path, options)
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
    if kind not in _KINDS:
        raise MountFault(f"hostPath type {kind} is unknown")
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
