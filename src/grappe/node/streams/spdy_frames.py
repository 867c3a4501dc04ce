"""SPDY/3.1 frames: pure encoding and decoding.

https://www.chromium.org/spdy/spdy-protocol/spdy-protocol-draft3-1/. Kubernetes speaks it without
flow control (WINDOW_UPDATE is ignored by both sides).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import NamedTuple

SYN_STREAM, SYN_REPLY, RST_STREAM, PING, HEADERS, WINDOW_UPDATE = 1, 2, 3, 6, 8, 9
"""Kinds of control frames (§2.6)."""
FIN = 1
"""Flag: the sender's last frame of a stream."""

_WORDS = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language "
    "accept-ranges age allow authorization cache-control connection content-base "
    "content-encoding content-language content-length content-location content-md5 "
    "content-range content-type date etag expect expires from host if-match if-modified-since "
    "if-none-match if-range if-unmodified-since last-modified location max-forwards pragma "
    "proxy-authenticate proxy-authorization range referer retry-after server te trailer "
    "transfer-encoding upgrade user-agent vary via warning www-authenticate method get status"
)
_MORE = ("200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive", "origin")
_REST = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 "
    "Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
    "gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = (
    b"".join(struct.pack(">I", len(word)) + word.encode() for word in (*_WORDS.split(), *_MORE))
    + _REST.encode()
)
"""The dictionary of §2.6.10.1, with which both sides prime their header compression."""


class SpdyError(Exception):
    """The peer broke the protocol; the connection cannot go on."""


class Frame(NamedTuple):
    """`kind` is None for data. `headers` only of SYN_STREAM, SYN_REPLY and HEADERS."""

    kind: int | None
    stream_id: int
    flags: int
    payload: bytes
    headers: Mapping[str, str]


class HeaderCodec:
    """Header blocks of one direction; zlib's state lasts as long as the connection."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)

    def encode(self, headers: Mapping[str, str]) -> bytes:
        block = [struct.pack(">I", len(headers))]
        for name, value in headers.items():
            for text in (name.lower().encode(), value.encode()):
                block += [struct.pack(">I", len(text)), text]
        return self._deflate.compress(b"".join(block)) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def decode(self, data: bytes) -> dict[str, str]:
        try:
            block = self._inflate.decompress(data, 1 << 20)
            (count,) = struct.unpack_from(">I", block)
            at, headers = 4, {}
            for _ in range(count):
                pair = []
                for _ in range(2):
                    (size,) = struct.unpack_from(">I", block, at)
                    if at + 4 + size > len(block):
                        raise SpdyError("a header reaches beyond its block")
                    pair.append(block[at + 4 : at + 4 + size].decode("utf-8", "replace"))
                    at += 4 + size
                headers[pair[0].lower()] = pair[1]
            return headers
        except (zlib.error, struct.error) as error:
            raise SpdyError(f"bad header block: {error}") from error


def control(kind: int, payload: bytes, flags: int = 0) -> bytes:
    """A control frame."""
    return struct.pack(">HHI", 0x8003, kind, flags << 24 | len(payload)) + payload


def data(stream_id: int, payload: bytes, flags: int = 0) -> bytes:
    """A data frame; `payload` must be shorter than 16 MiB."""
    return struct.pack(">II", stream_id, flags << 24 | len(payload)) + payload


def syn_stream(stream_id: int, block: bytes, flags: int = 0) -> bytes:
    return control(SYN_STREAM, struct.pack(">IIH", stream_id, 0, 0) + block, flags)


def syn_reply(stream_id: int, block: bytes) -> bytes:
    return control(SYN_REPLY, struct.pack(">I", stream_id) + block)


def rst_stream(stream_id: int, status: int) -> bytes:
    return control(RST_STREAM, struct.pack(">II", stream_id, status))


class FrameParser:
    """Bytes as they come in; whole frames out."""

    def __init__(self, codec: HeaderCodec) -> None:
        self._codec = codec
        self._buffer = bytearray()

    def feed(self, received: bytes) -> list[Frame]:
        """The frames that are complete now. Raises SpdyError for what is no SPDY/3.1."""
        self._buffer += received
        frames = []
        while len(self._buffer) >= 8:
            first, second = struct.unpack_from(">II", self._buffer)
            size = second & 0xFFFFFF
            if len(self._buffer) < 8 + size:
                break
            payload = bytes(self._buffer[8 : 8 + size])
            del self._buffer[: 8 + size]
            flags = second >> 24
            if first & 0x80000000:
                frames.append(self._control(first, flags, payload))
            else:
                frames.append(Frame(None, first, flags, payload, {}))
        return frames

    def _control(self, first: int, flags: int, payload: bytes) -> Frame:
        if first >> 16 != 0x8003:
            raise SpdyError("the peer does not speak SPDY/3.1")
        kind = first & 0xFFFF
        prefix = {SYN_STREAM: 10, SYN_REPLY: 4, HEADERS: 4}.get(kind)
        if prefix is None:
            stream_id = 0
            if kind in (RST_STREAM, WINDOW_UPDATE) and len(payload) >= 4:
                stream_id = struct.unpack_from(">I", payload)[0] & 0x7FFFFFFF
            return Frame(kind, stream_id, flags, payload, {})
        if len(payload) < prefix:
            raise SpdyError("a control frame is too short")
        stream_id = struct.unpack_from(">I", payload)[0] & 0x7FFFFFFF
        return Frame(kind, stream_id, flags, b"", self._codec.decode(payload[prefix:]))
