"""Many watches on one resource, in a process of its own.

    python -m bench.watchers PORT TOKEN_FILE LABEL COUNT SAMPLED

Prints `watching` once every watch has its head. When a line on its standard input has said how many
objects were created, and all have arrived, it prints one JSON line: events, and percentiles of the
time from the stamp in each object to its arrival. Only one watcher in SAMPLED is looked into. What
the others get is taken off their sockets still encrypted, or this process, not the server, would be
what is measured; `silent` counts those that got nothing.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import socket
import ssl
import sys
import time
from pathlib import Path

import uvloop

_PATIENCE = 60.0
"""Seconds for the last events to arrive."""
_STAMP = re.compile(rb'"stamp":"([\d.]+)"')


class _Watcher(asyncio.Protocol):
    """One that is looked into."""

    def __init__(self, request: bytes, latencies: list[float], begun: asyncio.Queue[None]) -> None:
        self._request = request
        self._latencies = latencies
        self._begun = begun
        self._head = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if self._head:
            _require_ok(data)
            self._head = False
            self._begun.put_nowait(None)
        now = time.time()
        for stamp in _STAMP.findall(data):
            self._latencies.append(now - float(stamp))


class _Drain:
    """One that is not."""

    def __init__(self, port: int, context: ssl.SSLContext, request: bytes) -> None:
        self._socket = context.wrap_socket(socket.create_connection(("127.0.0.1", port)))
        self._socket.sendall(request)
        _require_ok(self._socket.recv(65536))
        self._socket.setblocking(False)
        self.bytes = 0
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._take)

    def _take(self) -> None:
        self.bytes += len(os.read(self._socket.fileno(), 65536))


def _require_ok(head: bytes) -> None:
    if not head.startswith(b"HTTP/1.1 200"):
        raise RuntimeError(f"the watch was refused: {head[:300]!r}")


async def _watch(port: int, token: str, label: str, count: int, sampled: int) -> None:
    context = ssl._create_unverified_context()
    request = (
        f"GET /api/v1/namespaces/default/configmaps?watch=1&labelSelector=app%3D{label}"
        f" HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()
    latencies: list[float] = []
    begun: asyncio.Queue[None] = asyncio.Queue()
    drains: list[_Drain] = []
    loop = asyncio.get_running_loop()
    for number in range(count):
        if number % sampled:
            drains.append(_Drain(port, context, request))
            continue
        await loop.create_connection(
            lambda: _Watcher(request, latencies, begun), "127.0.0.1", port, ssl=context
        )
        await begun.get()
    print("watching", flush=True)
    created = int(await loop.run_in_executor(None, sys.stdin.readline))
    expected = created * len(range(0, count, sampled))
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        if len(latencies) >= expected and all(drain.bytes for drain in drains):
            break
        await asyncio.sleep(0.02)
    latencies.sort()
    last = len(latencies) - 1
    figures = {
        "events": len(latencies),
        "silent": sum(not drain.bytes for drain in drains),
        "p50_ms": latencies[last // 2] * 1e3 if latencies else None,
        "p99_ms": latencies[last * 99 // 100] * 1e3 if latencies else None,
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    uvloop.run(
        _watch(
            int(sys.argv[1]),
            Path(sys.argv[2]).read_text(),
            sys.argv[3],
            int(sys.argv[4]),
            int(sys.argv[5]),
        )
    )
