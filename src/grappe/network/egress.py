"""The way out: pods and image pulls reach what this machine reaches, through slirp4netns.

slirp4netns (https://github.com/rootless-containers/slirp4netns) is a TCP/IP stack in a process of
the host: packets that follow the namespace's default route leave the host as its own connections.
So the host's firewall, forwarding and addresses stay untouched. The host's loopback is not
reachable that way. Without slirp4netns, or with GRAPPE_EGRESS=off, there is no default route and
nothing gets out.

The process outlives the agent, as containers do, and is found again by its pid file; its end takes
the link and the route with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import select
import signal
from pathlib import Path

from grappe.base import programs
from grappe.base.config import ClusterConfig
from grappe.network import netns

log = logging.getLogger(__name__)

LINK = "egress0"
PROGRAM = "slirp4netns"
SWITCH = "GRAPPE_EGRESS"
"""Environment variable; `off` keeps pods in."""
READY_SECONDS = 5.0
RESTART_SECONDS = (1.0, 60.0)
_READY_FD = 3
_WRITE_ANEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def available() -> bool:
    """Whether this machine can do it."""
    return programs.find(PROGRAM) is not None and os.path.exists("/dev/net/tun")


def cidr(config: ClusterConfig) -> str:
    """The addresses between the namespace and slirp4netns: the upper half of the link's /24."""
    network = ipaddress.ip_network(f"{config.node_ip}/24", strict=False)
    return str(list(network.subnets(1))[1])


def command(config: ClusterConfig, ready_fd: int) -> list[str]:
    return [
        PROGRAM,
        "--configure",
        "--netns-type=path",
        f"--cidr={cidr(config)}",
        "--disable-host-loopback",
        "--disable-dns",  # cluster DNS asks the host's resolvers itself
        "--enable-sandbox",
        f"--ready-fd={ready_fd}",
        str(netns.path_of(config.netns)),
        LINK,
    ]


async def run(config: ClusterConfig, host_netns_fd: int) -> None:
    """Keep the way out open until cancelled, and leave it open then."""
    if os.environ.get(SWITCH) == "off" or not available():
        log.info("pods reach this machine only (%s off, or %s missing)", SWITCH, PROGRAM)
        await asyncio.to_thread(stop, config)
        await asyncio.Event().wait()
    pause, longest = RESTART_SECONDS
    loop = asyncio.get_running_loop()
    while True:
        began = loop.time()
        pid = running(config)
        try:
            if pid is None:
                pid = await asyncio.to_thread(start, config, host_netns_fd)
                log.info("pods have a way out (%s, pid %d)", PROGRAM, pid)
            await _ended(pid)
            log.warning("%s has ended, starting it again", PROGRAM)
        except OSError as error:
            log.error("%s does not start: %s", PROGRAM, error)
        if loop.time() - began > longest:
            pause = RESTART_SECONDS[0]
        await asyncio.sleep(pause)
        pause = min(pause * 2, longest)


def start(config: ClusterConfig, host_netns_fd: int) -> int:
    """Start it and wait until the route is there; its pid. OSError, with its words, if not."""
    ready_read, ready_write = os.pipe()
    for directory in (config.run_dir, config.log_dir):
        directory.mkdir(parents=True, exist_ok=True)
    output = config.log_dir / "egress.log"
    try:
        with netns.inside(host_netns_fd):
            pid = os.posix_spawn(
                programs.require(PROGRAM, PROGRAM),
                command(config, _READY_FD),
                os.environ,
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_OPEN, 1, output, _WRITE_ANEW, 0o600),
                    (os.POSIX_SPAWN_DUP2, 1, 2),
                    (os.POSIX_SPAWN_DUP2, ready_write, _READY_FD),
                ],
                setsid=True,
            )
        os.close(ready_write)
        ready_write = -1
        _pid_file(config).write_text(str(pid))
        ready, _, _ = select.select([ready_read], [], [], READY_SECONDS)
        if ready and os.read(ready_read, 1):
            return pid
    finally:
        os.close(ready_read)
        if ready_write >= 0:
            os.close(ready_write)
    stop(config)
    _reap(pid)
    words = output.read_text(errors="replace").strip().splitlines()
    raise OSError(words[-1] if words else f"not ready within {READY_SECONDS:.0f} s")


def running(config: ClusterConfig) -> int | None:
    """The pid of this cluster's slirp4netns, whoever started it; None when there is none."""
    try:
        pid = int(_pid_file(config).read_text())
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    ours = os.fsencode(netns.path_of(config.netns))
    return pid if words[0].endswith(PROGRAM.encode()) and ours in words else None


def stop(config: ClusterConfig) -> None:
    """End it and wait for its end. Idempotent."""
    pid = running(config)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(pid)
            try:
                os.kill(pid, signal.SIGKILL)
                select.select([descriptor], [], [], READY_SECONDS)
            finally:
                os.close(descriptor)
            _reap(pid)
    _pid_file(config).unlink(missing_ok=True)


async def _ended(pid: int) -> None:
    """Wait for the end of any process, without polling."""
    descriptor = os.pidfd_open(pid)
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    try:
        loop.add_reader(descriptor, ended.set)
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
    _reap(pid)


def _reap(pid: int) -> None:
    """If it was a child of this process: let the kernel forget it."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)


def _pid_file(config: ClusterConfig) -> Path:
    return config.run_dir / "egress.pid"
