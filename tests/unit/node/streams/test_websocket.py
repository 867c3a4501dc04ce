"""The server's side of a WebSocket."""

from __future__ import annotations

import asyncio
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.node.streams.websocket import BINARY, WebSocket, accept_key, frame, unmask

KEY = b"\x01\x02\x03\x04"


def client_frame(opcode: int, data: bytes, *, final: bool = True) -> bytes:
    """As a client sends it: masked."""
    head = bytes([(0x80 if final else 0) | opcode])
    size = len(data)
    if size < 126:
        head += bytes([0x80 | size])
    elif size < 1 << 16:
        head += bytes([0x80 | 126]) + struct.pack(">H", size)
    else:
        head += bytes([0x80 | 127]) + struct.pack(">Q", size)
    return head + KEY + unmask(data, KEY)


class Writer:
    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data

    async def drain(self) -> None:
        pass


def socket(received: bytes) -> tuple[WebSocket, Writer]:
    reader, writer = asyncio.StreamReader(), Writer()
    reader.feed_data(received)
    reader.feed_eof()
    return WebSocket(reader, writer), writer  # type: ignore[arg-type]


def test_the_handshake_answer_is_the_rfcs_example() -> None:
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_masking_twice_gives_the_text_back(data: bytes, key: bytes) -> None:
    assert unmask(unmask(data, key), key) == data


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
async def test_messages_of_every_length_field(size: int) -> None:
    ws, _ = socket(client_frame(BINARY, b"x" * size))
    message = await ws.receive()
    assert message is not None
    assert message.data == b"x" * size
    assert frame(BINARY, b"x" * size).endswith(b"x" * size)


async def test_fragments_become_one_message_with_a_ping_between() -> None:
    ws, writer = socket(
        client_frame(BINARY, b"a", final=False) + client_frame(9, b"hi") + client_frame(0, b"b")
    )
    message = await ws.receive()
    assert message is not None
    assert message.data == b"ab"
    assert writer.written == frame(10, b"hi")


async def test_a_close_is_answered_and_ends_the_messages() -> None:
    ws, writer = socket(client_frame(8, struct.pack(">H", 1000)))
    assert await ws.receive() is None
    assert writer.written == frame(8, struct.pack(">H", 1000))
    with pytest.raises(ConnectionError):
        await ws.send(b"x")


@pytest.mark.parametrize("received", [b"", b"\x82", b"\x82\x05hello", client_frame(0, b"x")])
async def test_a_broken_peer_only_ends_the_connection(received: bytes) -> None:
    ws, _ = socket(received)
    assert await ws.receive() is None
