"""Kubernetes' URL library."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qs, urlsplit

from grappe.api.cel.registry import function
from grappe.api.cel.values import CelError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class URL:
    """An absolute URI or an absolute path."""

    __slots__ = ("parts", "spelled")
    cel_type = "kubernetes.URL"

    def __init__(self, text: str) -> None:
        self.spelled = text
        wrong = f'parse "{text}": invalid URI for request'
        if not (text.startswith("/") or _SCHEME.match(text)) or "#" in text:
            raise CelError(f"URL parse error during conversion from string: {wrong}")
        if _BAD_ESCAPE.search(text.partition("?")[0]) or re.search(r"[\x00-\x1f\x7f]", text):
            raise CelError(f"URL parse error during conversion from string: {wrong}")
        try:
            self.parts: SplitResult = urlsplit(text)
            _ = self.parts.port
        except ValueError:
            raise CelError(f"URL parse error during conversion from string: {wrong}") from None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, URL) and other.spelled == self.spelled

    def __hash__(self) -> int:
        return hash(self.spelled)

    def cel_string(self) -> str:
        return self.spelled


@function("url(string) -> URL")
def url(text: str) -> URL:
    return URL(text)


@function("isURL(string) -> bool")
def is_url(text: str) -> bool:
    try:
        URL(text)
    except CelError:
        return False
    return True


function("URL.getScheme() -> string", on=URL)(lambda value: value.parts.scheme)
function("URL.getHost() -> string", on=URL)(lambda value: value.parts.netloc.rpartition("@")[2])
function("URL.getEscapedPath() -> string", on=URL)(lambda value: value.parts.path)


@function("URL.getHostname() -> string", on=URL)
def hostname(value: URL) -> str:
    host = value.parts.netloc.rpartition("@")[2]
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


@function("URL.getPort() -> string", on=URL)
def port(value: URL) -> str:
    found = value.parts.port
    return "" if found is None else str(found)


@function("URL.getQuery() -> map(string, list(string))", on=URL)
def query(value: URL) -> dict[str, list[str]]:
    return parse_qs(value.parts.query, keep_blank_values=True)
