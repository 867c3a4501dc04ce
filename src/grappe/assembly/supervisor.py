"""The supervisor: starts a cluster's processes, and starts again whatever ends.

`python -m grappe.assembly.supervisor DATA_DIR`. The children get SIGTERM from the kernel when the
supervisor dies, however it dies, so that a cluster never runs half; containers outlive them all.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import sys
import time
from pathlib import Path

from grappe.assembly import pidfile
from grappe.base.config import ClusterConfig
from grappe.base.logging import setup

log = logging.getLogger("grappe.supervisor")

ROLES = ("server", "node", "platform")
_FIRST_DELAY, _LONGEST_DELAY = 0.2, 30.0
_STEADY = 60.0
"""Seconds after which a process counts as healthy and its back-off starts anew."""
_LOG_LIMIT = 20 * 2**20
_STOP_GRACE = 15.0
_HEAD_START = 5.0
"""Seconds the server may take to come up before the other processes are started all the same."""
_PR_SET_PDEATHSIG = 1


def pid_path(config: ClusterConfig, role: str) -> Path:
    """The pid file of a role, or of the supervisor itself."""
    return config.run_dir / f"{role}.pid"


def log_path(config: ClusterConfig, role: str) -> Path:
    """What a role writes to stderr; the older half, if any, is beside it as `.log.1`."""
    return config.log_dir / f"{role}.log"


def running(config: ClusterConfig, role: str = "supervisor") -> pidfile.Process | None:
    """The cluster's process of that role, if it runs."""
    return pidfile.read(pid_path(config, role))


def open_log(config: ClusterConfig, role: str) -> int:
    """A descriptor that appends to the role's log; a log grown too long is set aside first."""
    path = log_path(config, role)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > _LOG_LIMIT:
        os.replace(path, path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


async def _keep_running(config: ClusterConfig, role: str) -> None:
    """Run one role until cancelled; then end it and wait for its end."""
    delay = _FIRST_DELAY
    while True:
        output = open_log(config, role)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                f"grappe.assembly.{role}",
                str(config.data_dir),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=_die_with_parent,
            )
        finally:
            os.close(output)
        pidfile.write(pid_path(config, role), process.pid)
        started = time.monotonic()
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            await _end(process)
            pid_path(config, role).unlink(missing_ok=True)
            raise
        if time.monotonic() - started > _STEADY:
            delay = _FIRST_DELAY
        log.warning("%s ended with status %s; starting it again in %.1f s", role, status, delay)
        await asyncio.sleep(delay)
        delay = min(delay * 2, _LONGEST_DELAY)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
        try:
            async with asyncio.timeout(_STOP_GRACE):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _listening(config: ClusterConfig) -> None:
    """Wait until something answers on the API server's port, but not for ever.

    On few cores the processes would only slow each other down while they start, and without the
    server the others can do nothing.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_HEAD_START):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", config.port)
                except OSError:
                    await asyncio.sleep(0.01)
                else:
                    writer.close()
                    return


async def supervise(config: ClusterConfig) -> None:
    """Run every role until SIGTERM or SIGINT; the server is the last to go."""
    for role in ROLES:  # left over from a supervisor that was killed a moment ago
        if orphan := running(config, role):
            await asyncio.to_thread(orphan.stop, _STOP_GRACE)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tasks = {"server": asyncio.create_task(_keep_running(config, "server"), name="server")}
    await _listening(config)
    for role in ROLES[1:]:
        tasks[role] = asyncio.create_task(_keep_running(config, role), name=role)
    stopper = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({stopper, *tasks.values()}, return_when=asyncio.FIRST_COMPLETED)
    for role in reversed(ROLES):
        tasks[role].cancel()
        await asyncio.gather(tasks[role], return_exceptions=True)
    stopper.cancel()
    for task in done - {stopper}:
        task.result()


def main() -> None:
    setup()
    config = ClusterConfig.load(Path(sys.argv[1]))
    pidfile.write(pid_path(config, "supervisor"), os.getpid())
    try:
        asyncio.run(supervise(config))
    finally:
        pid_path(config, "supervisor").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
