"""What an encoded object is called, from its first bytes alone."""

from __future__ import annotations

from grappe.api.protobuf.decode import MAGIC
from grappe.api.protobuf.wire import WireError, varint

_TYPE, _OBJECT, _FIRST = 0x0A, 0x12, 0x0A
"""Tags of the envelope's `typeMeta` and `raw`, and of field 1: every kind's metadata is its first
field, and the name the first of that."""


def name_of(beginning: bytes) -> bytes:
    """The name of the object whose encoded form begins so; empty when that does not say."""
    if not is_encoded(beginning):
        return b""
    try:
        at = len(MAGIC)
        if beginning[at] == _TYPE:
            size, at = varint(beginning, at + 1)
            at += size
        for tag in (_OBJECT, _FIRST, _FIRST):
            if beginning[at] != tag:
                return b""
            size, at = varint(beginning, at + 1)
    except (IndexError, WireError):
        return b""
    found = beginning[at : at + size]
    return found if len(found) == size else b""


def is_encoded(body: bytes) -> bool:
    """Whether a body is of this encoding, by its first bytes."""
    return body.startswith(MAGIC)
