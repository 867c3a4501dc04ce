"""Many watches on one resource, in a process of its own.

    python -m bench.watchers PORT TOKEN_FILE COUNT SECONDS

Prints `watching` once every watch has its head, and after SECONDS one JSON line: events that
arrived, and percentiles of the time from the stamp in each object to its arrival.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys
import time
from pathlib import Path

import uvloop

_STAMP = re.compile(rb'"stamp":"([\d.]+)"')


class _Watcher(asyncio.Protocol):
    def __init__(self, request: bytes, latencies: list[float], begun: asyncio.Queue[None]) -> None:
        self._request = request
        self._latencies = latencies
        self._begun = begun
        self._head = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        if self._head:
            if not data.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(f"the watch was refused: {data[:300]!r}")
            self._head = False
            self._begun.put_nowait(None)
        now = time.time()
        for stamp in _STAMP.findall(data):
            self._latencies.append(now - float(stamp))


async def _watch(port: int, token: str, count: int, seconds: float) -> None:
    context = ssl._create_unverified_context()
    request = (
        "GET /api/v1/namespaces/default/configmaps?watch=1&labelSelector=app%3Dwatch HTTP/1.1\r\n"
        f"Host: localhost\r\nAuthorization: Bearer {token}\r\n\r\n"
    ).encode()
    latencies: list[float] = []
    begun: asyncio.Queue[None] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for _ in range(count):
        await loop.create_connection(
            lambda: _Watcher(request, latencies, begun), "127.0.0.1", port, ssl=context
        )
    for _ in range(count):
        await begun.get()
    print("watching", flush=True)
    await asyncio.sleep(seconds)
    latencies.sort()
    last = len(latencies) - 1
    figures = {
        "events": len(latencies),
        "p50_ms": latencies[last // 2] * 1e3 if latencies else None,
        "p99_ms": latencies[last * 99 // 100] * 1e3 if latencies else None,
    }
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    uvloop.run(
        _watch(
            int(sys.argv[1]),
            Path(sys.argv[2]).read_text(),
            int(sys.argv[3]),
            float(sys.argv[4]),
        )
    )
