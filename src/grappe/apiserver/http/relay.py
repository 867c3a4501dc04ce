"""A tunnel: one client connection and one upstream connection, bytes both ways untouched.

Only after upstream has switched protocols (101) does it hear from the client again: on any
other answer it would take what the client sends next for a new request of ours. Such an answer is
passed on whole, and then both connections end.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import httptools

log = logging.getLogger("grappe.http")

_READ_BYTES = 64 * 1024
_HIGH_WATER = 256 * 1024


class Relay:
    """Runs until either side ends; `run` is a task of the client's connection, which passes on
    what it receives by `from_client` and reports the client's end by `client_lost`."""

    def __init__(self, client: asyncio.Transport, early: bytes) -> None:
        self._client = client
        self._held: list[bytes] = [early] if early else []
        self._upstream: asyncio.StreamWriter | None = None
        self._switched = False
        self._done = False
        self._drain: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._answer: _Answer = _Answer()

    # -- from the client's connection ------------------------------------------------------------
    def from_client(self, data: bytes) -> None:
        if not self._switched:
            self._held.append(data)
            self._client.pause_reading()
            return
        assert self._upstream is not None
        self._upstream.write(data)
        if self._drain is None and self._upstream.transport.get_write_buffer_size() > _HIGH_WATER:
            self._client.pause_reading()
            self._drain = asyncio.get_running_loop().create_task(self._wait_for_upstream())

    async def _wait_for_upstream(self) -> None:
        assert self._upstream is not None
        try:
            await self._upstream.drain()
        except OSError:
            return
        finally:
            self._drain = None
        if not self._done:
            self._client.resume_reading()

    def client_lost(self) -> None:
        self._done = True
        self._writable.set()
        if self._upstream is not None:
            self._upstream.close()

    def pause(self) -> None:
        self._writable.clear()

    def resume(self) -> None:
        self._writable.set()

    # -- from upstream ---------------------------------------------------------------------------
    async def run(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, first: bytes
    ) -> None:
        """Send `first` upstream, then move bytes until either side ends."""
        self._upstream = writer
        try:
            if self._done:
                return
            writer.transport.set_write_buffer_limits(high=_HIGH_WATER)
            writer.write(first)
            while not self._done and (data := await reader.read(_READ_BYTES)):
                self._client.write(data)
                if not self._switched and self._answer.over(data):
                    break
                if self._answer.switched and not self._switched:
                    self._switch()
                await self._writable.wait()
        except OSError as error:
            log.info("a tunnel broke: %s", error)
        finally:
            self._done = True
            if self._drain is not None:
                self._drain.cancel()
            writer.close()
            self._client.close()

    def _switch(self) -> None:
        """From now on the client is heard."""
        self._switched = True
        for data in self._held:
            self.from_client(data)
        self._held.clear()
        if self._drain is None:
            self._client.resume_reading()


class _Answer:
    """Watches the head of upstream's answer go by, and the end of one that is no 101."""

    def __init__(self) -> None:
        self._parser: Any = httptools.HttpResponseParser(self)
        self._complete = False
        self.switched = False

    def over(self, data: bytes) -> bool:
        """Whether the answer is complete and no upgrade."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            pass
        except httptools.HttpParserError:
            return True
        return self._complete and not self.switched

    def on_headers_complete(self) -> None:
        self.switched = self._parser.get_status_code() == 101

    def on_message_complete(self) -> None:
        self._complete = True
