"""Bytes in, requests out: the parsing half of a connection."""

from __future__ import annotations

from typing import NamedTuple

import httptools

from grappe.api.errors import ApiError, bad_request, too_large
from grappe.apiserver.http.known_heads import KnownHeads
from grappe.apiserver.http.limits import Limits
from grappe.apiserver.http.messages import Request

_names: dict[bytes, str] = {}
"""Header names as clients write them, to how they are looked up."""
_MOST_NAMES = 1000
_MOST_LEFTOVER = 64 * 1024
"""Bytes for the other end of a tunnel that is not there yet."""
_heads = KnownHeads()
_LINES = "\n"
"""Joins the values of a repeated `Impersonate-` header, which may have commas in them; no value
can have a line break."""


def _name(name: bytes) -> str:
    key = name.decode("latin-1").lower()
    if len(_names) < _MOST_NAMES and len(key) < 64:
        _names[name] = key
    return key


class Incoming(NamedTuple):
    """A whole request with what answering it needs to know of the connection."""

    request: Request
    keep_alive: bool
    chunked: bool
    """Whether the client understands chunked encoding (HTTP/1.1)."""


class RequestReader:
    """Feeds one connection's bytes to httptools and collects whole requests.

    `requests` is taken from by the connection. After `refusal` is set or an upgrade was asked
    for (`upgraded`, with the bytes after the request in `leftover`), nothing more is parsed.
    """

    __slots__ = (
        "_body",
        "_body_size",
        "_certificate",
        "_head_size",
        "_headers",
        "_keep_alive",
        "_limits",
        "_named_bytes",
        "_parser",
        "_remote",
        "_url",
        "expects_continue",
        "in_body",
        "in_head",
        "leftover",
        "refusal",
        "requests",
        "upgraded",
    )

    def __init__(
        self, limits: Limits, certificate: tuple[str, tuple[str, ...]] | None, remote: str
    ) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._limits = limits
        self._certificate = certificate
        self._remote = remote
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []
        self._body_size = 0
        self._head_size = 0
        self._named_bytes = 0
        self._keep_alive = True
        self.in_head = False
        self.in_body = False
        self.expects_continue = False
        self.requests: list[Incoming] = []
        self.refusal: ApiError | None = None
        self.upgraded = False
        self.leftover = b""

    @property
    def full(self) -> bool:
        """Whether so much waits to be answered that no more should be read."""
        requests, limits = self.requests, self._limits
        if len(requests) > 1 and (
            len(requests) > limits.pipelined
            or sum(len(one.request.body) for one in requests) > limits.body_bytes
        ):
            return True
        return len(self.leftover) > _MOST_LEFTOVER

    def feed(self, data: bytes) -> None:
        """Parse; never raises, see `refusal`."""
        if self.refusal is not None:
            return
        if self.upgraded:
            self.leftover += data
            return
        if self.in_head:
            self._head_size += len(data)
        elif not self.in_body:
            self._feed_from_boundary(data)
            return
        self._feed(data)

    def _feed_from_boundary(self, data: bytes) -> None:
        """`data` begins a request."""
        requests = self.requests
        known = _heads.recognise(data)
        if (
            known is not None
            and len(known.body) <= self._limits.body_bytes
            and len(data) - len(known.body) <= self._limits.head_bytes
        ):
            path, _, query = known.target.partition("?")
            requests.append(
                Incoming(
                    Request(
                        known.method,
                        path,
                        query,
                        known.headers,
                        known.body,
                        self._certificate,
                        None,
                        self._remote,
                    ),
                    True,
                    True,
                )
            )
            return
        before = len(requests)
        self._feed(data)
        if len(requests) == before + 1 and not (self.in_head or self.upgraded or self.refusal):
            _heads.remember(data, self._headers)

    def _feed(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self.upgraded = True
            self.leftover = bytes(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError as error:
            cause = error.__context__
            self.refusal = cause if isinstance(cause, ApiError) else bad_request("bad request")
        except httptools.HttpParserError as error:
            self.refusal = bad_request(f"the request is not valid HTTP: {error}")
        if self.in_head and self._head_size > self._limits.head_bytes:
            self.refusal = head_too_large(self._limits)

    # -- called by httptools ---------------------------------------------------------------------
    def on_message_begin(self) -> None:
        self._url = b""
        self._headers = {}
        self._body = []
        self._body_size = 0
        self._head_size = 0
        self._named_bytes = 0
        self.in_head = True

    def on_url(self, url: bytes) -> None:
        self._url += url
        if len(self._url) > self._limits.head_bytes:
            raise head_too_large(self._limits)

    def on_header(self, name: bytes, value: bytes) -> None:
        key = _names.get(name) or _name(name)
        headers = self._headers
        if key in headers:
            joint = _LINES if key.startswith("impersonate-") else ", "
            headers[key] += joint + value.decode("latin-1")
        else:
            headers[key] = value.decode("latin-1")
        self._named_bytes += len(name) + len(value)
        if self._named_bytes > self._limits.head_bytes:
            raise head_too_large(self._limits)

    def on_headers_complete(self) -> None:
        self.in_head = False
        headers = self._headers
        self._keep_alive = self._parser.should_keep_alive()
        length = headers.get("content-length")
        if length is not None or "transfer-encoding" in headers:
            self.in_body = True
            if length is not None and int(length) > self._limits.body_bytes:
                raise body_too_large(self._limits)
            self.expects_continue = headers.get("expect", "").lower() == "100-continue"

    def on_body(self, data: bytes) -> None:
        self._body_size += len(data)
        if self._body_size > self._limits.body_bytes:
            raise body_too_large(self._limits)
        self._body.append(data)

    def on_message_complete(self) -> None:
        self.in_body = False
        self.expects_continue = False
        path, _, query = self._url.decode("latin-1").partition("?")
        if not path.startswith("/"):
            path = _path_of_absolute(path)
        body = self._body
        self.requests.append(
            Incoming(
                Request(
                    self._parser.get_method().decode("latin-1"),
                    path,
                    query,
                    self._headers,
                    body[0] if len(body) == 1 else b"".join(body),
                    self._certificate,
                    None,
                    self._remote,
                ),
                self._keep_alive,
                self._parser.get_http_version() != "1.0",
            )
        )


def _path_of_absolute(target: str) -> str:
    """The path of an absolute-form target (RFC 9112, 3.2.2); ApiError 400 for another form."""
    scheme, separator, rest = target.partition("://")
    if not separator or scheme.lower() not in ("http", "https"):
        raise bad_request("the request target must begin with /")
    return "/" + rest.partition("/")[2]


def head_too_large(limits: Limits) -> ApiError:
    return ApiError(
        431,
        "RequestHeaderFieldsTooLarge",
        f"the request line and headers are larger than {limits.head_bytes} bytes",
    )


def body_too_large(limits: Limits) -> ApiError:
    return too_large(f"Request entity too large: limit is {limits.body_bytes}")
