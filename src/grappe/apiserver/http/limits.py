"""What one connection may ask of the server, in bytes and seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a connection. Bytes and times follow kube-apiserver where it has them
    (3 MiB request bodies, 32 s to send a head, 90 s idle)."""

    head_bytes: int = 64 * 1024
    body_bytes: int = 3 * 1024 * 1024
    pipelined: int = 16
    """Requests of one connection that may wait; reading stops above it, and when the bodies of
    several are larger than one may be."""
    stream_backlog: int = 8 * 1024 * 1024
    """Bytes a watcher may be behind before its stream is cut off (it then lists again)."""
    slice_bytes: int = 128 * 1024
    """How much of a long body is written before others get their turn."""
    handshake_seconds: float = 10.0
    head_seconds: float = 32.0
    body_seconds: float = 60.0
    idle_seconds: float = 90.0
    stalled_seconds: float = 60.0
    """How long a client may leave an answer unread."""
    linger_seconds: float = 2.0
    """How long what a refused client still sends is thrown away, so that it reads its answer."""
