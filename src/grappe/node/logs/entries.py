"""The lines of a container's log file (pure).

`2026-01-31T12:00:00.123456789Z stdout F text`: time, stream, F for the end of a line or P for a
part of one (https://github.com/kubernetes/design-proposals-archive/blob/main/node/kubelet-cri-logging.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from grappe.base.clock import parse_rfc3339


class BadQuery(ValueError):
    """A parameter of a log request is wrong; the message is for its author."""


class Entry(NamedTuple):
    """One entry; `text` ends with a line feed unless it is part of a line."""

    time: str
    stream: str
    text: bytes


@dataclass(frozen=True, slots=True)
class LogQuery:
    """PodLogOptions as far as they choose lines. `since` in seconds since the epoch."""

    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail: int | None = None
    since: float | None = None
    limit_bytes: int | None = None
    stream: str = ""

    @classmethod
    def parse(cls, query: dict[str, str], now: float) -> LogQuery:
        """From query parameters; BadQuery when one is no good."""

        def flag(name: str) -> bool:
            return query.get(name, "").lower() in ("true", "1")

        def number(name: str, least: int) -> int | None:
            text = query.get(name)
            if text is None or text == "":
                return None
            try:
                value = int(text)
            except ValueError:
                raise BadQuery(f'{name}: Invalid value: "{text}": must be a number') from None
            if value < least:
                raise BadQuery(
                    f"{name}: Invalid value: {value}: must be greater than or equal to {least}"
                )
            return value

        since: float | None = None
        seconds = number("sinceSeconds", 1)
        if seconds is not None:
            since = now - seconds
        elif query.get("sinceTime"):
            try:
                since = parse_rfc3339(query["sinceTime"])
            except ValueError:
                text = query["sinceTime"]
                raise BadQuery(f'sinceTime: Invalid value: "{text}": must be RFC 3339') from None
        stream = query.get("stream", "")
        return cls(
            flag("follow"),
            flag("previous"),
            flag("timestamps"),
            number("tailLines", 0),
            since,
            number("limitBytes", 1),
            stream.lower() if stream in ("Stdout", "Stderr") else "",
        )


def parse(line: bytes) -> Entry | None:
    """One line of the file, without its line feed; None when it is none of ours."""
    parts = line.split(b" ", 3)
    if len(parts) < 4 or parts[1] not in (b"stdout", b"stderr"):
        return None
    text = parts[3] + (b"" if parts[2].startswith(b"P") else b"\n")
    return Entry(parts[0].decode("latin-1"), parts[1].decode(), text)


def seconds(time: str) -> float:
    """An entry's time; nanoseconds are cut to microseconds. 0 when it is not understood."""
    head, _, rest = time.partition(".")
    digits = "".join(character for character in rest if character.isdigit())[:6]
    zone = rest.lstrip("0123456789") or ("Z" if head.endswith("Z") else "")
    try:
        return parse_rfc3339(f"{head.rstrip('Z')}.{digits or '0'}{zone or 'Z'}")
    except ValueError:
        return 0.0


class Selector:
    """Lines in, the bytes to send out, for one query."""

    def __init__(self, query: LogQuery) -> None:
        self._query = query
        self._left = query.limit_bytes
        self._whole = True

    @property
    def done(self) -> bool:
        """The byte limit has been reached."""
        return self._left == 0

    def take(self, line: bytes) -> bytes:
        entry = parse(line)
        if entry is None or (self._query.stream and entry.stream != self._query.stream):
            return b""
        if self._query.since is not None and seconds(entry.time) < self._query.since:
            return b""
        out = entry.text
        if self._query.timestamps and self._whole:
            out = entry.time.encode() + b" " + out
        self._whole = out.endswith(b"\n")
        if self._left is not None:
            out = out[: self._left]
            self._left -= len(out)
        return out
