"""The `format`s that a CRD schema may ask of a string (apiextensions, supportedformats)."""

from __future__ import annotations

import binascii
import ipaddress
import re
from collections.abc import Callable
from datetime import date, datetime
from urllib.parse import urlsplit


def _matches(pattern: str) -> Callable[[str], bool]:
    found = re.compile(pattern, re.ASCII)
    return lambda text: found.fullmatch(text) is not None


def _without_error(parse: Callable[[str], object]) -> Callable[[str], bool]:
    def holds(text: str) -> bool:
        try:
            parse(text)
        except ValueError:
            return False
        return True

    return holds


_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:?\d\d)", re.ASCII)


def _date_time(text: str) -> None:
    if not _DATE_TIME.fullmatch(text):
        raise ValueError
    datetime.fromisoformat(text.upper())


def _date(text: str) -> None:
    if len(text) != 10:
        raise ValueError
    date.fromisoformat(text)


def _uri(text: str) -> bool:
    try:
        found = urlsplit(text)
    except ValueError:
        return False
    return bool(found.scheme or text.startswith("/")) and " " not in text


_HEX = "[0-9a-fA-F]"
_LABEL = "[a-zA-Z0-9]([-a-zA-Z0-9]{0,61}[a-zA-Z0-9])?"


def _uuid(version: str) -> Callable[[str], bool]:
    return _matches(f"{_HEX}{{8}}-?{_HEX}{{4}}-?{version}-?{_HEX}{{4}}-?{_HEX}{{12}}")


STRING_FORMATS: dict[str, Callable[[str], bool]] = {
    "byte": _without_error(lambda t: binascii.a2b_base64(t, strict_mode=True)),
    "cidr": lambda t: "/" in t and _without_error(lambda v: ipaddress.ip_network(v, False))(t),
    "date": _without_error(_date),
    "date-time": _without_error(_date_time),
    "datetime": _without_error(_date_time),
    "duration": _matches(
        r"[+-]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)|\d+\s*"
        r"(ns|nano|us|µs|micro|ms|milli|s|sec|second|m|min|minute|h|hr|hour|d|day|w|wk|week)s?"
    ),
    "email": _matches(r"[^@\s]+@[^@\s]+"),
    "hexcolor": _matches(f"#?({_HEX}{{3}}|{_HEX}{{6}})"),
    "hostname": _matches(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*"),
    "ipv4": _without_error(ipaddress.IPv4Address),
    "ipv6": _without_error(ipaddress.IPv6Address),
    "mac": _matches(f"{_HEX}{{2}}([:-]{_HEX}{{2}}){{5}}"),
    "uri": _uri,
    "uuid": _uuid(f"{_HEX}{{4}}"),
    "uuid3": _uuid(f"3{_HEX}{{3}}"),
    "uuid4": _uuid(f"4{_HEX}{{3}}"),
    "uuid5": _uuid(f"5{_HEX}{{3}}"),
    "k8s-short-name": _matches("(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?"),
    "k8s-long-name": _matches(
        r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
    ),
}
