"""Which answers are compressed, and that they are the same."""

from __future__ import annotations

import gzip

import pytest

from grappe.apiserver.http.compression import THRESHOLD, compressed, compressible
from grappe.apiserver.http.messages import Request, Response


def _request(accepts: str) -> Request:
    return Request("GET", "/", "", {"accept-encoding": accepts} if accepts else {})


@pytest.mark.parametrize(
    ("size", "accepts", "expected"),
    [
        (THRESHOLD + 1, "gzip", True),
        (THRESHOLD + 1, "deflate, gzip", True),
        (THRESHOLD, "gzip", False),
        (THRESHOLD + 1, "deflate", False),
        (THRESHOLD + 1, "", False),
    ],
)
def test_long_answers_to_who_can_read_them(size: int, accepts: str, expected: bool) -> None:
    for body in (b"x" * size, [b"x" * (size - 1), b"x"]):
        assert compressible(Response(200, body), _request(accepts)) is expected


async def test_the_body_is_the_same() -> None:
    answer = Response(200, [b"a" * THRESHOLD, b"b"], "text/plain", [("ETag", "e")])
    found = await compressed(answer)
    assert isinstance(found.body, bytes)
    assert gzip.decompress(found.body) == b"a" * THRESHOLD + b"b"
    assert (found.status, found.content_type) == (200, "text/plain")
    assert dict(found.headers) == {
        "ETag": "e",
        "Content-Encoding": "gzip",
        "Vary": "Accept-Encoding",
    }
