"""Long answers to clients that accept gzip are compressed, in a thread: zlib works without the
interpreter's lock, and nobody else waits.

Bounds and level are kube-apiserver's: what is shorter is sent faster as it is.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from typing import TypeGuard

from grappe.apiserver.http.messages import Answer, Request, Response

THRESHOLD = 128 * 1024
"""Bytes above which a body is compressed."""
_LEVEL = 1
_GZIP = 31
"""zlib's window bits for the gzip format (RFC 1952)."""


def compressible(answer: Answer, request: Request) -> TypeGuard[Response]:
    """Whether the answer is long enough and its client can read it compressed."""
    if not isinstance(answer, Response):
        return False
    body = answer.body
    size = len(body) if isinstance(body, bytes) else sum(map(len, body))
    return size > THRESHOLD and accepts_gzip(request) and not _is_compressed(answer)


def accepts_gzip(request: Request) -> bool:
    """Whether the client can read an answer compressed."""
    header = request.headers.get("accept-encoding", "")
    return any(entry.strip() == "gzip" for entry in header.split(",")) if header else False


def _is_compressed(answer: Response) -> bool:
    return any(name == "Content-Encoding" for name, _ in answer.headers)


async def compressed(answer: Response) -> Response:
    """The same answer, its body compressed."""
    body = await asyncio.to_thread(gzipped, answer.body)
    headers = (*answer.headers, ("Content-Encoding", "gzip"), ("Vary", "Accept-Encoding"))
    return Response(answer.status, body, answer.content_type, headers)


def gzipped(body: bytes | Sequence[bytes]) -> bytes:
    """The body in the gzip format."""
    squeeze = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    whole = body if isinstance(body, bytes) else b"".join(body)
    return squeeze.compress(whole) + squeeze.flush()
