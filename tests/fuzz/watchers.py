"""Very many watchers in a process of their own: `python -m tests.fuzz.watchers PORT COUNT [CA]`.

Says `watching` once every one has its first line, `received` when every one has seen the event
named `last`, and closes them all at the end of its input. JSON on one line after `received`: the
fewest and the most events that one has seen, and the seconds from the first `last` to the last.
"""

from __future__ import annotations

import asyncio
import json
import resource
import ssl
import sys
from time import monotonic

_AT_ONCE = 200
"""Connections being opened at the same time."""
_REQUEST = (
    b"GET /api/v1/namespaces/default/configmaps?watch=true&resourceVersion=%s HTTP/1.1\r\n"
    b"Host: localhost\r\n\r\n"
)
LAST = b'"name":"last"'


class Watcher(asyncio.Protocol):
    """Counts the events of one watch."""

    def __init__(self, revision: bytes) -> None:
        self._request = _REQUEST % revision
        self._tail = b""
        self.events = 0
        loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[float] = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        if not self.begun.done():
            assert data.startswith(b"HTTP/1.1 200"), data
            self.begun.set_result(None)
        self.events += data.count(b'{"type":"ADDED"')
        if LAST in self._tail + data and not self.done.done():
            self.done.set_result(monotonic())
        self._tail = data[-len(LAST) :]

    def connection_lost(self, error: Exception | None) -> None:
        for future in (self.begun, self.done):
            if not future.done():
                future.set_exception(error or ConnectionError("the server ended the watch"))


async def main(port: int, count: int, revision: bytes, ca: str | None) -> None:
    loop = asyncio.get_running_loop()
    tls = ssl.create_default_context(cafile=ca) if ca else None
    gate = asyncio.Semaphore(_AT_ONCE)

    async def one() -> Watcher:
        async with gate:
            _, watcher = await loop.create_connection(
                lambda: Watcher(revision), "127.0.0.1", port, ssl=tls
            )
            await watcher.begun
        return watcher

    watchers = await asyncio.gather(*(one() for _ in range(count)))
    print("watching", flush=True)
    times = await asyncio.gather(*(watcher.done for watcher in watchers))
    events = [watcher.events for watcher in watchers]
    print("received", flush=True)
    print(json.dumps([min(events), max(events), max(times) - min(times)]), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    for watcher in watchers:
        watcher.transport.abort()


if __name__ == "__main__":
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    port, count, revision = sys.argv[1:4]
    asyncio.run(main(int(port), int(count), revision.encode(), (sys.argv[4:] or [None])[0]))
