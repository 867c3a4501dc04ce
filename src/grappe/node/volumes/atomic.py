"""Replace all files of a volume at once, as the kubelet does: `..data` is a link to a directory of
one generation, and each visible name a link through it. A reader sees the old files or the new.

https://kubernetes.io/docs/concepts/configuration/configmap/#mounted-configmaps-are-updated-automatically
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from grappe.node.volumes.payload import Entry, Payload

DATA = "..data"


def _same(directory: Path, payload: Payload) -> bool:
    """Whether a generation holds exactly this."""
    found = {
        str(path.relative_to(directory)): path for path in directory.rglob("*") if path.is_file()
    }
    if found.keys() != payload.keys():
        return False
    return all(
        path.read_bytes() == payload[name].data
        and path.stat().st_mode & 0o777 == payload[name].mode
        for name, path in found.items()
    )


def _write(directory: Path, name: str, entry: Entry, owner: int, group: int) -> None:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    path.write_bytes(entry.data)
    path.chmod(entry.mode)
    if owner >= 0 or group >= 0:
        os.chown(path, owner, group)


def write(volume: Path, payload: Payload, *, owner: int = -1, group: int = -1) -> bool:
    """Make the volume hold exactly `payload`; False when it already did. `owner` and `group` -1
    leave them alone. Survives being killed at any point: the next call repairs."""
    volume.mkdir(parents=True, exist_ok=True)
    volume.chmod(0o755)
    link = volume / DATA
    old = link.resolve() if link.is_symlink() else None
    if old is not None and old.is_dir() and _same(old, payload):
        _link_names(volume, payload)
        return False
    fresh = Path(tempfile.mkdtemp(prefix="..", dir=volume))
    fresh.chmod(0o755)
    for name, entry in payload.items():
        _write(fresh, name, entry, owner, group)
    temporary = volume / "..data_tmp"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(fresh.name)
    os.replace(temporary, link)
    _link_names(volume, payload)
    for path in volume.iterdir():
        if path.name.startswith("..") and path.name != DATA and path != fresh:
            shutil.rmtree(path, ignore_errors=True)
    return True


def _link_names(volume: Path, payload: Payload) -> None:
    wanted = {name.partition("/")[0] for name in payload}
    present = {path.name for path in volume.iterdir() if not path.name.startswith("..")}
    for name in wanted - present:
        (volume / name).symlink_to(f"{DATA}/{name}")
    for name in present - wanted:
        (volume / name).unlink()
