from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.http.known_heads import KnownHeads
from grappe.apiserver.http.limits import Limits
from grappe.apiserver.http.reader import RequestReader

LIMITS = Limits(head_bytes=2000, body_bytes=500)
GET = b"GET /api/v1/pods?limit=5 HTTP/1.1\r\nHost: h\r\nAccept: */*\r\n\r\n"


def facts(reader: RequestReader) -> list[object]:
    return [
        (
            (r.request.method, r.request.path, r.request.query, dict(r.request.headers)),
            (r.request.body, r.keep_alive, r.chunked),
        )
        for r in reader.requests
    ]


def read(data: bytes) -> RequestReader:
    reader = RequestReader(LIMITS, None, "")
    reader.feed(data)
    return reader


def test_a_head_that_came_before_is_recognised_behind_another_request_line() -> None:
    known = KnownHeads()
    assert known.recognise(GET) is None
    known.remember(GET, {"host": "h", "accept": "*/*"})
    found = known.recognise(GET.replace(b"GET /api/v1/pods?limit=5", b"DELETE /api/v1/pods/a"))
    assert found is not None
    assert (found.method, found.target, found.body) == ("DELETE", "/api/v1/pods/a", b"")
    assert found.headers == {"host": "h", "accept": "*/*"}


def test_only_a_whole_request_in_one_piece_is_recognised() -> None:
    post = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
    known = KnownHeads()
    known.remember(post, {"host": "h", "content-length": "3"})
    assert known.recognise(post) is not None
    assert known.recognise(post[:-1]) is None
    assert known.recognise(post + GET) is None
    assert known.recognise(b"\r\n" + post) is None


def test_what_says_how_the_connection_goes_on_is_not_kept() -> None:
    for line in ("Connection: close", "Expect: 100-continue", "Upgrade: x"):
        data = f"GET /x HTTP/1.1\r\n{line}\r\n\r\n".encode()
        known = KnownHeads()
        known.remember(data, {line.partition(":")[0].lower(): line.partition(": ")[2]})
        assert known.recognise(data) is None


def test_heads_are_forgotten_before_there_are_too_many() -> None:
    known = KnownHeads()
    for number in range(2000):
        known.remember(GET.replace(b"*/*", b"%d" % number), {})
    assert len(known._known) <= 512


lines = st.lists(
    st.sampled_from(
        [
            *(b"Host: h", b"host: g", b"Accept: */*", b"Content-Length: 0", b"Content-Length: 3"),
            *(b"Content-Length: 03", b"Content-Length : 3", b"Connection: close", b"X: a\r\n b"),
            *(b"Transfer-Encoding: chunked", b"X: a\nY: b", b"Expect: 100-continue", b"x", b""),
            *(b"Impersonate-Group: a", b"Impersonate-Group: b", b"Connection: keep-alive"),
        ]
    ),
    max_size=5,
)
targets = st.sampled_from([b"/", b"/a?b=c", b"/\xff", b"/a#b", b"a", b"http://h/x", b"/a b", b"*"])
versions = st.sampled_from([b"HTTP/1.1", b"HTTP/1.0", b"http/1.1", b"HTTP/2.0"])
methods = st.sampled_from([b"GET", b"POST", b"HEAD", b"CONNECT", b"get", b"OPTIONS"])


@given(methods, targets, versions, lines, st.sampled_from([b"", b"abc", b"abcd", b"\r\n\r\nx"]))
def test_what_is_read_is_the_same_the_second_time(
    method: bytes, target: bytes, version: bytes, headers: list[bytes], body: bytes
) -> None:
    """Whatever was remembered meanwhile, and however odd the request is."""
    head = b"\r\n".join([b" ".join([method, target, version]), *headers, b"", b""])
    fresh, again = read(head + body), read(head + body)
    assert facts(again) == facts(fresh)
    assert (again.refusal is None) == (fresh.refusal is None)
    assert (again.in_head, again.in_body) == (fresh.in_head, fresh.in_body)
    assert (again.upgraded, again.leftover) == (fresh.upgraded, fresh.leftover)


@given(methods, targets, lines, st.sampled_from([b"", b"abc"]))
def test_a_remembered_head_is_what_the_parser_would_say(
    method: bytes, target: bytes, headers: list[bytes], body: bytes
) -> None:
    """The same headers behind a request line of their own."""
    rest = b"\r\n".join([b"", *headers, b"", b""]) + body
    read(b"POST /first HTTP/1.1" + rest)
    found = RequestReader(LIMITS, None, "")
    found._feed(b" ".join([method, target, b"HTTP/1.1"]) + rest)
    quick = read(b" ".join([method, target, b"HTTP/1.1"]) + rest)
    assert facts(quick) == facts(found)
    assert (quick.refusal is None) == (found.refusal is None)
