"""Stop a node, or remove all that it left on the machine. Works also when the agent is dead.

Called by the command line's `down` and `delete`, as root, outside any event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

from grappe.node import cgroups
from grappe.node.runtime.containerd.daemon import running_pid, stop_daemon
from grappe.node.runtime.containerd.paths import Paths
from grappe.node.runtime.containerd.runtime import ContainerdRuntime
from grappe.node.runtime.interface import RuntimeFault
from grappe.node.settings import NodeSettings
from grappe.node.volumes.directories import remove, unmount_below

_LONGEST_GRACE = 10.0
_SHIM_DIRECTORY = Path("/run/containerd/s")
_CNI_RESULTS = Path("/var/lib/cni/results")


def stop_node(settings: NodeSettings, grace: float = _LONGEST_GRACE) -> None:
    """End every container (SIGTERM, after `grace` seconds SIGKILL) and the private containerd.
    Images, volumes and logs stay; the next `up` restarts the pods. Idempotent."""
    if settings.simulated:
        return
    paths = Paths(settings.directory)
    if running_pid(paths) is not None:
        with contextlib.suppress(RuntimeFault, TimeoutError):
            asyncio.run(_stop_sandboxes(settings, grace))
    stop_daemon(paths)
    _kill(_shims(paths) | _in_cgroup(settings))
    unmount_below(paths.state)


def delete_node(settings: NodeSettings) -> None:
    """Stop it, and remove its directory, cgroups, mounts and what its tools keep elsewhere."""
    paths = Paths(settings.directory)
    if not settings.simulated:
        sandboxes = _known_sandboxes(paths)
        stop_node(settings, grace=1.0)
        for sandbox in sandboxes:
            for result in _CNI_RESULTS.glob(f"*-{sandbox}-*"):
                result.unlink(missing_ok=True)
        if settings.cgroup_root:
            cgroups.remove(settings.cgroup_root)
            _remove_empty_cgroup(settings.cgroup_root)
        shutil.rmtree(paths.run_directory, ignore_errors=True)
        for directory in (_SHIM_DIRECTORY, _SHIM_DIRECTORY.parent, _CNI_RESULTS):
            with contextlib.suppress(OSError):
                directory.rmdir()  # only when nobody else keeps anything there
    if settings.directory.exists():
        remove(settings.directory)


async def _stop_sandboxes(settings: NodeSettings, grace: float) -> None:
    runtime = ContainerdRuntime(settings.directory)
    await runtime.connect()
    try:
        running = [c for c in await runtime.list_containers() if c.state == "running"]
        await asyncio.gather(
            *(runtime.stop_container(c.id, grace) for c in running), return_exceptions=True
        )
        ready = [s for s in await runtime.list_sandboxes() if s.ready]
        await asyncio.gather(*(runtime.stop_sandbox(s.id) for s in ready), return_exceptions=True)
    finally:
        await runtime.close()


def _known_sandboxes(paths: Paths) -> list[str]:
    directory = paths.state / "io.containerd.grpc.v1.cri" / "sandboxes"
    return [entry.name for entry in directory.iterdir()] if directory.is_dir() else []


def _shims(paths: Paths) -> set[int]:
    """The shims of our containerd: they outlive it, and each keeps its containers."""
    found = set()
    address = str(paths.socket).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if b"containerd-shim" in words[0] and address in words:
                    found.add(int(entry.name))
    return found


def _in_cgroup(settings: NodeSettings) -> set[int]:
    """Containers' processes, however they were left behind."""
    return cgroups.processes(settings.cgroup_root) if settings.cgroup_root else set()


def _kill(pids: set[int]) -> None:
    """SIGKILL, and wait until they are gone."""
    for pid in pids - {os.getpid()}:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        pids = {pid for pid in pids if _alive(pid)}
        if not pids:
            return
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in ("Z", "X")


def _remove_empty_cgroup(path: str) -> None:
    """The common parent of all clusters' cgroups, once the last one is gone."""
    parent = os.path.dirname(path.rstrip("/"))
    if parent in ("", "/"):
        return
    for root in set(cgroups.hierarchies().values()):
        with contextlib.suppress(OSError):
            (root / parent.lstrip("/")).rmdir()
