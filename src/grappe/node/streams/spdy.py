"""A SPDY/3.1 connection, either role: streams opened by either side over any pair of byte pipes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping

from grappe.node.streams import spdy_frames as wire
from grappe.node.streams.spdy_frames import Frame, FrameParser, HeaderCodec, SpdyError

_HELD = 1 << 20
"""Bytes a stream may hold unread before the whole connection waits for its reader."""
_CHUNK = 1 << 16


class SpdyStream:
    """One stream: two directions, each of which can be finished by itself."""

    def __init__(self, connection: SpdyConnection, stream_id: int, headers: Mapping[str, str]):
        self.id = stream_id
        self.headers = headers
        self._connection = connection
        self._chunks: deque[bytes] = deque()
        self._held = 0
        self._changed = asyncio.Event()
        self._ended = False
        self._finished = False
        self.refused = False

    async def read(self) -> bytes:
        """The next bytes; empty once the peer has finished (or reset) the stream."""
        while not self._chunks:
            if self._ended:
                return b""
            self._changed.clear()
            await self._changed.wait()
        chunk = self._chunks.popleft()
        self._held -= len(chunk)
        self._changed.set()
        return chunk

    async def read_all(self) -> bytes:
        pieces = []
        while piece := await self.read():
            pieces.append(piece)
        return b"".join(pieces)

    async def write(self, data: bytes) -> None:
        """Raises ConnectionError when the peer has reset the stream or is gone."""
        if self._finished:
            raise ConnectionError("the stream is finished")
        for start in range(0, len(data), _CHUNK):
            await self._connection.send(wire.data(self.id, data[start : start + _CHUNK]))

    async def finish(self) -> None:
        """End our direction; idempotent."""
        if not self._finished:
            self._finished = True
            await self._connection.send(wire.data(self.id, b"", wire.FIN))
            self._connection.forget(self)

    @property
    def done(self) -> bool:
        return self._ended and self._finished

    # -- called by the connection
    async def take(self, data: bytes, last: bool) -> None:
        if data and not self._ended:
            self._chunks.append(data)
            self._held += len(data)
        if last:
            self._ended = True
        self._changed.set()
        while self._held > _HELD and not self._ended:
            self._changed.clear()
            await self._changed.wait()

    def abort(self, refused: bool = False) -> None:
        self._ended = self._finished = True
        self.refused = self.refused or refused
        self._changed.set()


class SpdyConnection:
    """`receive` gives the next bytes (empty at the end), `transmit` sends some. Streams of a
    client have odd numbers. `run` must run for anything to arrive."""

    def __init__(
        self,
        receive: Callable[[], Awaitable[bytes]],
        transmit: Callable[[bytes], Awaitable[None]],
        *,
        server: bool,
    ) -> None:
        self._receive = receive
        self._transmit = transmit
        self._codec = HeaderCodec()
        self._parser = FrameParser(self._codec)
        self._next_id = 2 if server else 1
        self._streams: dict[int, SpdyStream] = {}
        self._incoming: asyncio.Queue[SpdyStream | None] = asyncio.Queue()
        self._sending = asyncio.Lock()
        self._closed = False

    async def run(self) -> None:
        """Read until the peer ends the connection. Raises SpdyError on a broken protocol."""
        try:
            while received := await self._receive():
                for frame in self._parser.feed(received):
                    await self._on_frame(frame)
        finally:
            self._closed = True
            for stream in list(self._streams.values()):
                stream.abort()
            self._incoming.put_nowait(None)

    async def open(self, headers: Mapping[str, str]) -> SpdyStream:
        """Open a stream towards the peer, without waiting for its reply."""
        stream = SpdyStream(self, self._next_id, headers)
        self._next_id += 2
        self._streams[stream.id] = stream
        async with self._sending:
            await self._send(wire.syn_stream(stream.id, self._codec.encode(headers)))
        return stream

    async def accept(self) -> SpdyStream | None:
        """The next stream the peer opens; None when the connection has ended."""
        return await self._incoming.get()

    async def send(self, frame: bytes) -> None:
        async with self._sending:
            await self._send(frame)

    def forget(self, stream: SpdyStream) -> None:
        """Drop a stream that both sides have finished."""
        if stream.done:
            self._streams.pop(stream.id, None)

    async def _send(self, frame: bytes) -> None:
        if self._closed:
            raise ConnectionError("the connection is closed")
        await self._transmit(frame)

    async def _on_frame(self, frame: Frame) -> None:
        last = bool(frame.flags & wire.FIN)
        stream = self._streams.get(frame.stream_id)
        if frame.kind is None or frame.kind in (wire.SYN_REPLY, wire.HEADERS):
            if stream is not None:
                await stream.take(frame.payload, last)
                self.forget(stream)
            elif frame.kind is None and not last:
                await self.send(wire.rst_stream(frame.stream_id, 2))
        elif frame.kind == wire.SYN_STREAM:
            if stream is not None or frame.stream_id == 0:
                raise SpdyError(f"stream {frame.stream_id} was opened twice")
            stream = SpdyStream(self, frame.stream_id, frame.headers)
            self._streams[stream.id] = stream
            async with self._sending:
                await self._send(wire.syn_reply(stream.id, self._codec.encode({})))
            await stream.take(b"", last)
            self._incoming.put_nowait(stream)
        elif frame.kind == wire.RST_STREAM:
            if stream is not None:
                stream.abort(refused=True)
                self._streams.pop(stream.id, None)
        elif frame.kind == wire.PING:
            await self.send(wire.control(wire.PING, frame.payload))
