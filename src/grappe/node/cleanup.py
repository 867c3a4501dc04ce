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
from collections.abc import Callable
from pathlib import Path

from grappe.node import cgroups
from grappe.node.runtime.containerd.daemon import kill_daemon, running_pid, stop_daemon
from grappe.node.runtime.containerd.paths import Paths
from grappe.node.runtime.containerd.runtime import ContainerdRuntime
from grappe.node.runtime.interface import RuntimeFault
from grappe.node.settings import NodeSettings
from grappe.node.volumes.directories import remove, unmount_below

Say = Callable[[str], None]
"""Told what is being done, for people who wait."""

_LONGEST_GRACE = 10.0
_SHIM_DIRECTORY = Path("/run/containerd/s")
_CNI_RESULTS = Path("/var/lib/cni/results")


def _silent(_doing: str) -> None:
    """Nobody waits."""


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


def delete_node(settings: NodeSettings, say: Say = _silent) -> None:
    """Kill all that runs, and remove its directory, cgroups, mounts and what its tools keep
    elsewhere. Nothing is stopped one by one: the network namespaces go with their mounts, the
    links with their namespaces, and the plugins' reservations with the directory."""
    paths = Paths(settings.directory)
    if not settings.simulated:
        sandboxes = _known_sandboxes(paths)
        sockets = _shim_sockets(paths)
        say(f"ending {len(sandboxes)} pods")
        kill_daemon(paths)
        _kill_all(paths, settings)
        say("removing images and volumes")
        unmount_below(paths.state)
        for sandbox in sandboxes:
            for result in _CNI_RESULTS.glob(f"*-{sandbox}-*"):
                result.unlink(missing_ok=True)
        for socket in sockets:
            socket.unlink(missing_ok=True)
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


def _shim_sockets(paths: Paths) -> list[Path]:
    """Where its shims listen: a killed one leaves its socket in a directory that all share."""
    tasks = paths.state / "io.containerd.runtime.v2.task"
    found = []
    for address in tasks.glob("*/*/address"):
        with contextlib.suppress(OSError):
            socket = Path(address.read_text().removeprefix("unix://").strip())
            if socket.parent == _SHIM_DIRECTORY:
                found.append(socket)
    return found


def _shims(paths: Paths) -> set[int]:
    """The shims of our containerd, which outlive it and keep its containers, and the runc that
    one of them may have started a moment ago."""
    found = set()
    address, state = str(paths.socket).encode(), str(paths.state).encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                shim = b"containerd-shim" in words[0] and address in words
                if shim or (words[0].endswith(b"runc") and any(state in w for w in words)):
                    found.add(int(entry.name))
    return found


def _in_cgroup(settings: NodeSettings) -> set[int]:
    """Containers' processes, however they were left behind."""
    return cgroups.processes(settings.cgroup_root) if settings.cgroup_root else set()


def _kill_all(paths: Paths, settings: NodeSettings) -> None:
    """Again until none is left: one may have started another while it was being killed."""
    deadline = time.monotonic() + _LONGEST_GRACE
    while found := _shims(paths) | _in_cgroup(settings):
        _kill(found)
        if time.monotonic() > deadline:
            return  # a process that the kernel does not let go; what it holds stays


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
