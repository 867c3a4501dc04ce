"""What the HTTP layer hands to the API and takes back. The in-process transport speaks the same.

A handler may answer at once (the fast path of GET and LIST: no task is made) or return an
awaitable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class User:
    """Who asks, once authenticated."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class Request:
    """One request. `path` is still percent-encoded, `query` without its `?`; header names are
    lower-case. `certificate` is the (common name, organizations) of a verified client
    certificate. `user` is filled in by authentication, or already set in-process; `impersonator`
    is who asked to be that user. `decision` is what authorization came to: `allow`, `forbid`, or
    empty before it; `reason` is why, where that is known. `annotations` are those of the audit log,
    None when nothing is told of it. `head` are further lines, each with its CRLF, for the head of
    whatever it is answered."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""
    certificate: tuple[str, tuple[str, ...]] | None = None
    user: User | None = None
    remote: str = ""
    impersonator: User | None = None
    decision: str = ""
    annotations: dict[str, str] | None = None
    head: str = ""
    reason: str | None = None


@dataclass(slots=True)
class Response:
    """A whole answer. A body given as slices is written piece by piece, so that a long list
    neither needs one huge copy nor keeps others waiting."""

    status: int
    body: bytes | Sequence[bytes]
    content_type: str = "application/json"
    headers: Sequence[tuple[str, str]] = ()


class StreamWriter(Protocol):
    """Where a stream's producer writes."""

    @property
    def backlog(self) -> int:
        """Bytes written that the peer has not taken yet."""
        ...

    def write(self, data: bytes) -> bool:
        """Queue bytes; False once the peer is gone or too far behind (the stream is then
        closed and the producer must stop)."""
        ...

    def close(self) -> None:
        """End the stream cleanly."""
        ...


@dataclass(slots=True)
class Stream:
    """An answer without a known end (watch). `start` is called once with the writer; what it
    returns is called when the stream has ended, from either side."""

    start: Callable[[StreamWriter], Callable[[], None]]
    content_type: str = "application/json"
    headers: Sequence[tuple[str, str]] = ()
    status: int = 200


@dataclass(slots=True)
class Tunnel:
    """The connection itself is passed on (exec, attach, port-forward, log -f): `connect` opens
    the other side and returns the bytes to send it first; then bytes flow both ways untouched
    until either side ends. `ended` is called once then, or when `connect` fails."""

    connect: Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter, bytes]]]
    ended: Callable[[], None] = lambda: None


Answer: TypeAlias = Response | Stream | Tunnel
Handler: TypeAlias = Callable[[Request], Answer | Awaitable[Answer]]
