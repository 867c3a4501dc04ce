"""Which process holds a port of the host that is taken, from /proc (proc(5))."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from grappe.network import netns
from grappe.network.published.wanted import Port

_LISTEN = "0A"
_PROC = Path("/proc")


def holder(port: Port, host_netns_fd: int) -> str:
    """`nginx (pid 1234)`, or `another process` when it cannot be told."""
    name = port.protocol.lower()
    lines: list[str] = []
    with netns.inside(host_netns_fd):
        for table in (name, f"{name}6"):
            with contextlib.suppress(OSError):
                lines += Path("/proc/thread-self/net", table).read_text().splitlines()[1:]
    wanted = {f"socket:[{inode}]" for inode in inodes(lines, port)}
    return _process_with(wanted) or "another process"


def inodes(lines: Iterable[str], port: Port) -> set[str]:
    """Inodes of the sockets in lines of /proc/net/tcp or udp that hold the port. Pure."""
    found = set()
    for line in lines:
        fields = line.split()
        if len(fields) < 10:
            continue
        number = int(fields[1].rpartition(":")[2], 16)
        if number == port.number and (port.protocol == "UDP" or fields[3] == _LISTEN):
            found.add(fields[9])
    return found


def _process_with(sockets: set[str]) -> str:
    for process in _PROC.iterdir():
        if not process.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            for descriptor in os.listdir(process / "fd"):
                with contextlib.suppress(OSError):
                    if os.readlink(process / "fd" / descriptor) in sockets:
                        return f"{_name_of(process)} (pid {process.name})"
    return ""


def _name_of(process: Path) -> str:
    """The program's name; of a node of ours, which cluster it belongs to."""
    words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    if "grappe.assembly.node" in words:
        return f"the grappe cluster in {words[words.index('grappe.assembly.node') + 1]}"
    return (process / "comm").read_text().strip()
