"""Heads that came before: a client's headers are the same bytes from one request to the next.

Parsing them is a third of the work of a small request. So a head that the parser took is kept by
its bytes, and the same bytes behind another request line are not parsed again. Only what cannot be
understood in two ways is kept, and only a whole request in one piece is recognised; everything
else goes to the parser, which has then seen nothing of what was recognised.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

_LINE = re.compile(rb"(GET|POST|PUT|PATCH|DELETE) (/[!-\"$-~]*) HTTP/1\.1\r\n")
_END = b"\r\n\r\n"
_LONGEST = 4 * 1024
_MOST = 512
_UNUSUAL = ("expect", "transfer-encoding", "upgrade", "connection")
"""Headers that say how the connection goes on."""


class Known(NamedTuple):
    """A request whose head was recognised. `headers` is shared: to be read only."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


class KnownHeads:
    """What follows the request line up to the empty line, with the headers it means."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[Mapping[str, str], int]] = {}

    def recognise(self, data: bytes) -> Known | None:
        """The one request that `data` is from beginning to end, if its head came before."""
        line = _LINE.match(data)
        if line is None:
            return None
        start = line.end()
        end = data.find(_END, start)
        known = self._known.get(data[start:end])
        if known is None or len(data) - end - 4 != known[1]:
            return None
        method, target = line.groups()
        return Known(method.decode(), target.decode(), known[0], data[end + 4 :])

    def remember(self, data: bytes, headers: Mapping[str, str]) -> None:
        """`data` was one whole request, and the parser found `headers` in its head."""
        line = _LINE.match(data)
        if line is None or any(name in headers for name in _UNUSUAL):
            return
        end = data.find(_END, line.end())
        block = data[line.end() : end]
        if len(block) > _LONGEST or block.count(b"\n") != block.count(b"\r\n"):
            return
        length = int(headers.get("content-length", 0))
        if end < 0 or len(data) - end - 4 != length:
            return
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[block] = (headers, length)
