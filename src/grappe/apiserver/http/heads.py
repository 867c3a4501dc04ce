"""Response heads, and the `Status` bodies this layer sends itself (RFC 9112)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from email.utils import formatdate
from http import HTTPStatus

import orjson

from grappe.api.errors import ApiError
from grappe.apiserver.http.messages import Response

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_REASONS = {status.value: status.phrase for status in HTTPStatus}
_date: tuple[int, str] = (0, "")


def _now() -> str:
    """The `Date` of this second."""
    global _date
    second = int(time.time())
    if _date[0] != second:
        _date = (second, formatdate(second, usegmt=True))
    return _date[1]


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
    text = (
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\n"
        f"Cache-Control: no-cache, private\r\nContent-Type: {content_type}\r\n"
        f"Date: {_now()}\r\n{framing}"
    )
    for name, value in headers:
        if "\r" in value or "\n" in value:
            value = " ".join(value.split())
        text += f"{name}: {value}\r\n"
    text += "Connection: close\r\n\r\n" if close else "\r\n"
    return text.encode()


def status_response(error: ApiError) -> Response:
    """An error as the answer that carries its Status."""
    return Response(error.code, orjson.dumps(error.status()), headers=error.headers)
