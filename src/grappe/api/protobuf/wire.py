"""Protobuf's wire format: tags, varints and length-delimited fields
(https://protobuf.dev/programming-guides/encoding/)."""

from __future__ import annotations

import binascii
import struct
from collections.abc import Iterator
from functools import cache

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class WireError(ValueError):
    """The bytes are no protobuf message."""


# -- reading ---------------------------------------------------------------------------------------


def varint(data: bytes, position: int) -> tuple[int, int]:
    """An unsigned varint and where it ends."""
    value = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise WireError("a number is cut off or too long")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, position
        shift += 7


def signed(value: int) -> int:
    """The int64 (or int32) whose two's complement a varint carries."""
    return value - (1 << 64) if value >> 63 else value


def fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Every (field number, wire type, value) in order; values are ints or bytes."""
    position, end = 0, len(data)
    while position < end:
        tag, position = varint(data, position)
        number, kind = tag >> 3, tag & 7
        value: int | bytes
        if kind == VARINT:
            value, position = varint(data, position)
        elif kind == BYTES:
            length, position = varint(data, position)
            value = data[position : position + length]
            position += length
        elif kind == FIXED64:
            value = data[position : position + 8]
            position += 8
        elif kind == FIXED32:
            value = data[position : position + 4]
            position += 4
        else:
            raise WireError(f"wire type {kind} is not in use")
        if position > end:
            raise WireError("a field is cut off")
        if number == 0:
            raise WireError("field number 0 is not in use")
        yield number, kind, value


def double(value: bytes) -> float:
    found: float = struct.unpack("<d", value)[0]
    return found


# -- writing ---------------------------------------------------------------------------------------


def encode_varint(value: int) -> bytes:
    """An int64 as a varint; a negative one takes ten bytes, as in two's complement."""
    if 0 <= value < 0x80:
        return _BYTES[value]
    value &= 0xFFFF_FFFF_FFFF_FFFF
    if value < 0x4000:
        return bytes((value & 0x7F | 0x80, value >> 7))
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


_BYTES = tuple(bytes((value,)) for value in range(128))


@cache
def heads(number: int, kind: int) -> tuple[bytes, ...]:
    """A field's tag followed by each varint below 128: what nearly every field begins with."""
    tag = encode_varint(number << 3 | kind)
    return tuple(tag + byte for byte in _BYTES)


def base64_bytes(text: str) -> bytes:
    """What a byte field's JSON text stands for."""
    return binascii.a2b_base64(text)
