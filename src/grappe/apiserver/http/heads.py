"""Response heads, and the `Status` bodies this layer sends itself (RFC 9112)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from http import HTTPStatus

import orjson

from grappe.api.errors import ApiError
from grappe.apiserver.http.messages import Response

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_REASONS = {status.value: status.phrase for status in HTTPStatus}

_DATE = "%a, %d %b %Y %H:%M:%S GMT"
"""English as long as nobody calls `setlocale`; the email package is 6 % of a start."""

_second = 0
_starts: dict[tuple[int, str], str] = {}
"""What heads of this second begin with: the same text many thousand times."""


def _start(status: int, content_type: str) -> str:
    global _second
    now = int(time.time())
    if now != _second:
        _second = now
        _starts.clear()
    start = _starts.get((status, content_type))
    if start is None:
        start = _starts[status, content_type] = (
            f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\n"
            f"Cache-Control: no-cache, private\r\nContent-Type: {content_type}\r\n"
            f"Date: {time.strftime(_DATE, time.gmtime(now))}\r\n"
        )
    return start


def head(
    status: int,
    content_type: str,
    headers: Sequence[tuple[str, str]],
    framing: str,
    *,
    close: bool,
) -> bytes:
    """Status line and headers. `framing` is the Content-Length or Transfer-Encoding line, or
    empty when the end of the connection ends the body."""
    text = _start(status, content_type) + framing
    for name, value in headers:
        if "\r" in value or "\n" in value:
            value = " ".join(value.split())
        text += f"{name}: {value}\r\n"
    return (text + ("Connection: close\r\n\r\n" if close else "\r\n")).encode()


def status_response(error: ApiError) -> Response:
    """An error as the answer that carries its Status."""
    return Response(error.code, orjson.dumps(error.status()), headers=error.headers)
