"""Keep containers' logs small: 10 MiB a file, five files, all but the newest old one compressed.

https://kubernetes.io/docs/concepts/cluster-administration/logging/#log-rotation
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import os
import shutil
import time
from pathlib import Path

from grappe.node.runtime.interface import Runtime, RuntimeFault

log = logging.getLogger("grappe.node.logs")

MAX_SIZE = 10 << 20
MAX_FILES = 5
_PERIOD = 10.0


def rotated_files(path: Path) -> list[Path]:
    """The older files of a log, the oldest first."""
    return sorted(p for p in path.parent.glob(path.name + ".*") if not p.name.endswith(".tmp"))


def _compress(path: Path) -> None:
    target = path.with_name(path.name + ".gz")
    temporary = target.with_name(target.name + ".tmp")
    with path.open("rb") as source, gzip.open(temporary, "wb") as sink:
        shutil.copyfileobj(source, sink)
    os.replace(temporary, target)
    path.unlink()


def make_room(path: Path, keep: int) -> None:
    """Leave at most `keep` older files, compressed but for the newest."""
    old = rotated_files(path)
    for surplus in old[: max(0, len(old) - keep)]:
        surplus.unlink(missing_ok=True)
    for older in rotated_files(path)[:-1]:
        if not older.name.endswith(".gz"):
            _compress(older)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _set_aside(path: Path) -> Path:
    """Rename the log after the time; the runtime still writes into it until it reopens."""
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    return path.rename(path.with_name(f"{path.name}.{stamp}"))


async def rotate(
    runtime: Runtime, container_id: str, path: Path, *, max_size: int = MAX_SIZE
) -> bool:
    """Rotate one log if it is too big; True when it was."""
    if _size(path) < max_size:
        return False
    await asyncio.to_thread(make_room, path, MAX_FILES - 2)
    old = _set_aside(path)
    try:
        await runtime.reopen_log(container_id)
    except (RuntimeFault, TimeoutError):
        os.replace(old, path)
        raise
    return True


async def rotate_forever(runtime: Runtime) -> None:
    """Look at every running container's log each ten seconds."""
    paths: dict[str, str] = {}
    while True:
        await asyncio.sleep(_PERIOD)
        try:
            running = [c for c in await runtime.list_containers() if c.state == "running"]
            for gone in paths.keys() - {c.id for c in running}:
                del paths[gone]
            for container in running:
                if container.id not in paths:
                    paths[container.id] = (await runtime.container_status(container.id)).log_path
                if paths[container.id]:
                    await rotate(runtime, container.id, Path(paths[container.id]))
        except (RuntimeFault, TimeoutError, OSError) as error:
            log.warning("rotating logs: %s", error)
