"""The private containerd process: found again or started, watched, restarted, stopped.

It runs in a session of its own, so that it and the containers outlive the agent. It inherits the
network namespace the agent is in when it starts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
from pathlib import Path

from grappe.base import programs
from grappe.base.errors import UserError
from grappe.node.runtime.containerd import config
from grappe.node.runtime.containerd.paths import Paths
from grappe.node.runtime.containerd.pause import PAUSE_IMAGE

log = logging.getLogger("grappe.node.containerd")

CNI_DIRECTORIES = ("/usr/lib/cni", "/opt/cni/bin", "/usr/libexec/cni")
_CNI_PLUGINS = ("ptp", "host-local", "loopback")
_INSTALL = "apt-get install containerd runc containernetworking-plugins"


def cni_bin_directory() -> str | None:
    """The first directory that holds the CNI plugins a node needs."""
    for directory in CNI_DIRECTORIES:
        if all((Path(directory) / plugin).exists() for plugin in _CNI_PLUGINS):
            return directory
    return None


def check_programs() -> tuple[str, str]:
    """(containerd, CNI directory); UserError names all that is missing."""
    missing = [
        name
        for name in ("containerd", "containerd-shim-runc-v2", "ctr", "runc")
        if not programs.find(name)
    ]
    cni = cni_bin_directory()
    if cni is None:
        missing.append("the CNI plugins (ptp, host-local, loopback)")
    containerd = programs.find("containerd")
    if missing or containerd is None or cni is None:
        raise UserError(
            f"running containers needs {', '.join(missing)}, not found on this machine",
            f"run: {_INSTALL}; or use simulated nodes: grappe up --simulate 1",
        )
    return containerd, cni


def _start_time(pid: int) -> str:
    """The kernel's start time of a process, which tells it from a later one of the same pid."""
    stat = Path(f"/proc/{pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[19]


def running_pid(paths: Paths) -> int | None:
    """The pid of our containerd, if the one in the pid file still runs."""
    try:
        pid_text, started = paths.pid_file.read_text().split()
        pid = int(pid_text)
        if _start_time(pid) != started:
            return None
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError, IndexError):
        return None
    return None if state in "ZX" else pid


class Daemon:
    """One private containerd."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._child: subprocess.Popen[bytes] | None = None
        self._ended = asyncio.Event()

    def ensure(self) -> bool:
        """Start it unless it runs already; True when it was started."""
        containerd, cni = check_programs()
        if running_pid(self._paths) is not None:
            return False
        self._write_config(cni)
        self._start(containerd)
        return True

    async def wait_end(self) -> None:
        """Return once the running containerd is gone. No polling: a pidfd tells."""
        pid = running_pid(self._paths)
        if pid is None:
            return
        try:
            descriptor = os.pidfd_open(pid)
        except OSError:
            return
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
            self._reap()

    def log_tail(self, size: int = 400) -> str:
        """The last bytes of its log, for an error message."""
        try:
            return self._paths.log.read_bytes()[-size:].decode("utf-8", "replace").strip()
        except OSError:
            return ""

    def _reap(self) -> None:
        if self._child is not None:
            self._child.poll()

    def _write_config(self, cni: str) -> None:
        for directory in (self._paths.root, self._paths.registries, self._paths.cni_config):
            directory.mkdir(parents=True, exist_ok=True)
        self._paths.socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = config.render(
            self._paths,
            cni_bin=cni,
            pause_image=PAUSE_IMAGE,
            may_lower_oom=config.may_lower_oom_score(Path("/proc/self/status").read_text()),
        )
        self._paths.config.write_text(text)

    def _start(self, containerd: str) -> None:
        environment = {"PATH": programs.search_path()}
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy"):
            if name in os.environ:
                environment[name] = os.environ[name]
        with open(self._paths.log, "ab") as output:
            self._child = subprocess.Popen(
                [containerd, "--config", str(self._paths.config)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        pid = self._child.pid
        temporary = self._paths.pid_file.with_suffix(".tmp")
        temporary.write_text(f"{pid} {_start_time(pid)}\n")
        temporary.rename(self._paths.pid_file)
        log.info("started containerd (pid %d)", pid)


def stop_daemon(paths: Paths) -> None:
    """SIGTERM, after ten seconds SIGKILL; returns when it is gone. Containers are not touched."""
    _end(paths, (signal.SIGTERM, signal.SIGKILL))


def kill_daemon(paths: Paths) -> None:
    """End it at once, when all that it keeps is to go too; returns when it is gone."""
    _end(paths, (signal.SIGKILL,))


def _end(paths: Paths, signals: tuple[signal.Signals, ...]) -> None:
    pid = running_pid(paths)
    if pid is not None:
        with contextlib.suppress(OSError):
            descriptor = os.pidfd_open(pid)
            try:
                for number in signals:
                    signal.pidfd_send_signal(descriptor, number)
                    if _wait_readable(descriptor, 10.0):
                        break
            finally:
                os.close(descriptor)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
    paths.pid_file.unlink(missing_ok=True)


def _wait_readable(descriptor: int, timeout: float) -> bool:
    import select

    return bool(select.select([descriptor], [], [], timeout)[0])
