"""The server's side of a WebSocket (RFC 6455) over asyncio streams; no extensions."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import struct
from typing import NamedTuple

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_CONTINUATION = 0
_MESSAGE_LIMIT = 32 << 20
_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Message(NamedTuple):
    """A whole message; `opcode` is TEXT or BINARY."""

    opcode: int
    data: bytes


def accept_key(key: str) -> str:
    """`Sec-WebSocket-Accept` for a client's `Sec-WebSocket-Key` (§4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + _MAGIC).digest()).decode()


def unmask(data: bytes, key: bytes) -> bytes:
    """§5.3, with one big-integer XOR instead of a loop over bytes."""
    if not data:
        return data
    repeated = (key * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data, "big") ^ int.from_bytes(repeated, "big")).to_bytes(
        len(data), "big"
    )


def frame(opcode: int, data: bytes) -> bytes:
    """A final, unmasked frame, as servers send them."""
    size = len(data)
    if size < 126:
        head = struct.pack(">BB", 0x80 | opcode, size)
    elif size < 1 << 16:
        head = struct.pack(">BBH", 0x80 | opcode, 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 127, size)
    return head + data


class WebSocket:
    """After the handshake. Answers pings by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._closing = False

    async def receive(self) -> Message | None:
        """The next message; None when the peer closed, vanished or broke the protocol."""
        parts: list[bytes] = []
        size = 0
        opcode = 0
        try:
            while True:
                final, code, data = await self._frame()
                if code == CLOSE:
                    await self._send_close(data[:2] or struct.pack(">H", 1000))
                    return None
                if code == PING:
                    await self._write(frame(PONG, data))
                    continue
                if code == PONG:
                    continue
                if (code == _CONTINUATION) != bool(opcode):
                    await self.close(1002, "unexpected frame")
                    return None
                opcode = opcode or code
                parts.append(data)
                size += len(data)
                if size > _MESSAGE_LIMIT:
                    await self.close(1009, "message too big")
                    return None
                if final:
                    return Message(opcode, b"".join(parts))
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def send(self, data: bytes, *, text: bool = False) -> None:
        """Raises ConnectionError when the peer is gone."""
        if self._closing:
            raise ConnectionError("the WebSocket is closed")
        await self._write(frame(TEXT if text else BINARY, data))

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame; idempotent, never raises."""
        await self._send_close(struct.pack(">H", code) + reason.encode()[:120])

    async def _send_close(self, payload: bytes) -> None:
        if not self._closing:
            self._closing = True
            try:
                await self._write(frame(CLOSE, payload))
            except ConnectionError:
                pass

    async def _write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def _frame(self) -> tuple[bool, int, bytes]:
        first, second = await self._reader.readexactly(2)
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack(">H", await self._reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack(">Q", await self._reader.readexactly(8))
        if size > _MESSAGE_LIMIT or not second & 0x80:
            await self.close(1009 if second & 0x80 else 1002, "bad frame")
            raise ConnectionError("bad frame")
        key = await self._reader.readexactly(4)
        data = await self._reader.readexactly(size) if size else b""
        return bool(first & 0x80), first & 0x0F, unmask(data, key)
