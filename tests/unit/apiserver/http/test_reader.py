from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.http.limits import Limits
from grappe.apiserver.http.messages import Request
from grappe.apiserver.http.reader import RequestReader

LIMITS = Limits(head_bytes=2000, body_bytes=500)

names = st.from_regex(r"[A-Za-z][A-Za-z0-9-]{0,10}", fullmatch=True).filter(
    lambda n: (
        n.lower()
        not in (
            *("content-length", "transfer-encoding", "connection", "upgrade", "expect"),
            *("te", "keep-alive", "proxy-connection"),
        )
    )
)
values = st.from_regex(r"[!-~]([ -~]{0,15}[!-~])?", fullmatch=True)
paths = st.from_regex(r"/[a-z0-9/%.-]{0,20}(\?[a-z=&]{0,10})?", fullmatch=True)


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, tuple[str, str, str, bytes]]:
    """The bytes of a request, and what should come of them."""
    method = draw(st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]))
    target = draw(paths)
    headers = draw(st.lists(st.tuples(names, values), max_size=4))
    body = b"" if method in ("GET", "HEAD") else draw(st.binary(max_size=60))
    lines = [f"{method} {target} HTTP/1.1", *(f"{n}: {v}" for n, v in headers)]
    if body and draw(st.booleans()):
        cut = draw(st.integers(0, len(body)))
        lines.append("Transfer-Encoding: chunked")
        chunks = [chunk for chunk in (body[:cut], body[cut:]) if chunk]
        wire = b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks) + b"0\r\n\r\n"
    else:
        if body:
            lines.append(f"Content-Length: {len(body)}")
        wire = body
    path, _, query = target.partition("?")
    return "\r\n".join([*lines, "", ""]).encode() + wire, (method, path, query, body)


def facts(request: Request) -> tuple[str, str, str, bytes]:
    return request.method, request.path, request.query, request.body


@given(st.lists(requests(), min_size=1, max_size=5), st.data())
def test_requests_are_the_same_however_their_bytes_are_cut(
    sent: list[tuple[bytes, tuple[str, str, str, bytes]]], data: st.DataObject
) -> None:
    wire = b"".join(text for text, _ in sent)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(wire) - 1)), max_size=12)))
    reader = RequestReader(LIMITS, None, "")
    for start, end in zip([0, *cuts], [*cuts, len(wire)], strict=True):
        reader.feed(wire[start:end])
    assert reader.refusal is None
    assert [facts(r.request) for r in reader.requests] == [expected for _, expected in sent]
    assert not reader.in_head
    assert not reader.in_body


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_no_bytes_whatever_raise(pieces: list[bytes]) -> None:
    reader = RequestReader(LIMITS, None, "")
    for piece in pieces:
        reader.feed(piece)


@given(requests(), st.data())
def test_damaged_requests_never_raise_and_never_exceed_the_limits(
    sent: tuple[bytes, tuple[str, str, str, bytes]], data: st.DataObject
) -> None:
    wire = bytearray(sent[0])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(wire) - 1))
        wire[place : place + 1] = data.draw(st.binary(max_size=5))
        if not wire:
            return
    reader = RequestReader(LIMITS, None, "")
    reader.feed(bytes(wire))
    for incoming in reader.requests:
        assert len(incoming.request.body) <= LIMITS.body_bytes
        assert incoming.request.path.startswith("/")


@given(st.integers(0, 1000), st.booleans())
def test_a_body_passes_up_to_its_limit_and_not_beyond(size: int, chunked: bool) -> None:
    body = b"x" * size
    if chunked:
        framing = b"Transfer-Encoding: chunked\r\n\r\n"
        wire = (b"%x\r\n%b\r\n" % (size, body) if size else b"") + b"0\r\n\r\n"
    else:
        framing, wire = b"Content-Length: %d\r\n\r\n" % size, body
    reader = RequestReader(LIMITS, None, "")
    reader.feed(b"POST / HTTP/1.1\r\n" + framing + wire)
    if size <= LIMITS.body_bytes:
        assert [r.request.body for r in reader.requests] == [body]
    else:
        assert reader.refusal is not None
        assert reader.refusal.code == 413
        assert reader.requests == []
