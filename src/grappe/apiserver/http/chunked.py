"""The writing end of a stream: chunked encoding, and a bound on how far a client may lag."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

_last: tuple[bytes, bytes] = (b"", b"0\r\n\r\n")


def _framed(data: bytes) -> bytes:
    """`data` as one chunk (RFC 9112, 7.1).

    A fan-out writes the same bytes object to many streams in a row: it is framed once.
    """
    global _last
    known, framed = _last
    if known is data:
        return framed
    framed = b"%x\r\n%b\r\n" % (len(data), data)
    _last = (data, framed)
    return framed


class ChunkedWriter:
    """A StreamWriter on a transport. `ended(clean)` is called once when the producer closes the
    stream (True) or the client lags by more than `backlog` bytes (False)."""

    __slots__ = ("_chunked", "_ended", "_head", "_limit", "_transport", "open")

    def __init__(
        self,
        transport: asyncio.Transport,
        head: bytes,
        *,
        chunked: bool,
        backlog: int,
        ended: Callable[[bool], None],
    ) -> None:
        self._transport = transport
        self._head = head
        self._chunked = chunked
        self._limit = backlog
        self._ended = ended
        self.open = True

    @property
    def backlog(self) -> int:
        return self._transport.get_write_buffer_size()

    @property
    def started(self) -> bool:
        """Whether the head has been sent."""
        return not self._head

    def start(self) -> None:
        """Send the head now if no data has taken it along."""
        if self._head and self.open:
            head, self._head = self._head, b""
            self._transport.write(head)

    def write(self, data: bytes) -> bool:
        if not self.open:
            return False
        if not data:
            return True
        if self._chunked:
            data = _framed(data)
        if self._head:
            data, self._head = self._head + data, b""
        self._transport.write(data)
        if self._transport.get_write_buffer_size() > self._limit:
            self.open = False
            self._ended(False)
            return False
        return True

    def close(self) -> None:
        if not self.open:
            return
        self.open = False
        end = b"0\r\n\r\n" if self._chunked else b""
        head, self._head = self._head, b""
        if head or end:
            self._transport.write(head + end)
        self._ended(True)
