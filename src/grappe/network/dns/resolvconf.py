"""The host's resolvers, from its resolv.conf (resolv.conf(5))."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable
from pathlib import Path

HOST_FILE = Path("/etc/resolv.conf")
_MOST = 3


def nameservers(text: str) -> list[str]:
    """The first three addresses on `nameserver` lines, each once; what is none is passed over."""
    found = []
    for line in text.splitlines():
        match line.split():
            case ["nameserver", address, *_] if _is_address(address) and address not in found:
                found.append(address)
    return found[:_MOST]


class Resolvers:
    """The current nameservers of a file, read again when the file changes.

    `without` are addresses never to ask: the cluster's own DNS, should the host use it.
    """

    def __init__(self, path: Path = HOST_FILE, *, without: Iterable[str] = ()) -> None:
        self._path = path
        self._without = frozenset(without)
        self._seen: tuple[int, int] | None = None
        self._servers: list[str] = []

    def current(self) -> list[str]:
        """Empty when there are none."""
        try:
            status = os.stat(self._path)
            seen = (status.st_mtime_ns, status.st_ino)
            if seen != self._seen:
                text = self._path.read_text(errors="replace")
                self._servers = [s for s in nameservers(text) if s not in self._without]
                self._seen = seen
        except OSError:
            self._seen, self._servers = None, []
        return self._servers


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
