"""From protobuf to the JSON object that Go would have made of it.

Each message has a decoder that is built once, when first needed: a loop over the wire's fields with
a table of what each does to the object. Nothing is copied before it is known to be text.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import cache
from typing import Any

from grappe.api import Object
from grappe.api.errors import ApiError, bad_request
from grappe.api.protobuf.special import RAW_EXTENSION, SCHEMA, SPECIAL, UNIONS, Union
from grappe.api.protobuf.table import Field, is_list, message, message_of_kind
from grappe.api.protobuf.wire import (
    BYTES,
    FIXED32,
    FIXED64,
    VARINT,
    WireError,
    double,
    fields,
    signed,
    varint,
)

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"

MAGIC = b"k8s\x00"
_DEEPEST = 100

Decoder = Callable[[bytes, int, int, int], Any]
"""(data, start, end, depth) → the JSON value of what stands there."""
_Bytes = Callable[[Object, bytes, int, int, int], None]
"""What a length-delimited field does to the object: (object, data, start, end, depth)."""
_Number = Callable[[Object, int], None]
"""What a varint does to the object."""


def decode(body: bytes) -> Object:
    """The object in a protobuf body, with its `apiVersion` and `kind`.

    Raises ApiError 400 for what is no such body, or of a kind that has no protobuf form.
    """
    if body[:4] != MAGIC:
        raise bad_request(
            f"provided data does not appear to be a protobuf message, expected prefix {list(MAGIC)}"
        )
    try:
        return _envelope(body[len(MAGIC) :], 0)
    except (ValueError, OverflowError, OSError, IndexError) as error:
        raise bad_request(f"the protobuf message is damaged: {error}") from None


def _envelope(data: bytes, depth: int) -> Object:
    api_version = kind = ""
    raw = b""
    for number, _, value in fields(data):
        if number == 1 and isinstance(value, bytes):
            for part, _, text in fields(value):
                if part == 1:
                    api_version = _text(text)
                elif part == 2:
                    kind = _text(text)
        elif number == 2 and isinstance(value, bytes):
            raw = value
    name = message_of_kind(api_version, kind)
    if name is None:
        raise _no_kind(api_version, kind)
    obj: Object = {"apiVersion": api_version, "kind": kind}
    obj.update(decoder(name)(raw, 0, len(raw), depth))
    return obj


def _no_kind(api_version: str, kind: str) -> ApiError:
    return bad_request(f'no kind "{kind}" is registered for version "{api_version}" in protobuf')


def _text(value: int | bytes) -> str:
    if isinstance(value, int):
        raise WireError("a number stands where text should")
    return value.decode()


# -- messages --------------------------------------------------------------------------------------


@cache
def decoder(name: str) -> Decoder:
    """The decoder of a message: mostly to an object, for some special types to a string or a
    number."""
    if name == RAW_EXTENSION:
        return _raw_extension
    if special := SPECIAL.get(name):
        read = special.decode
        return lambda data, start, end, _depth: read(data[start:end])
    if union := UNIONS.get(name):
        return _union(union)
    return _message(name)


def _message(name: str) -> Decoder:
    known = message(name)
    texts: dict[int, str] = {}  # most fields: those need no setter
    by_bytes: dict[int, _Bytes] = {}
    by_number: dict[int, _Number] = {}
    doubles: dict[int, str] = {}
    kept: list[tuple[str, Any]] = []
    for number, field in known.items():
        tag = number << 3 | BYTES
        if field.type == "double":
            doubles[number << 3 | FIXED64] = field.name
        elif field.type in _NUMBERS and field.shape != "map":
            by_number[number << 3 | VARINT] = _number_setter(field)
            if field.shape == "list":
                by_bytes[tag] = _packed_setter(field)
        elif field.type == "string" and field.shape == "one" and not field.pointer:
            texts[tag] = field.name
        else:
            by_bytes[tag] = _later(by_bytes, tag, field)
        if field.keep_zero and field.shape == "one" and not (field.inline or field.pointer):
            zero = _ZERO.get(field.type)
            if zero is not None:
                kept.append((field.name, zero))
    alone = is_list(name)

    def decode_message(data: bytes, at: int, end: int, depth: int) -> Any:
        if depth > _DEEPEST:
            raise WireError("messages are nested too deep")
        found: Object = {}
        while at < end:
            tag = data[at]
            at += 1
            if tag > 0x7F:
                tag, at = _long(data, at - 1)
            form = tag & 7
            if form == BYTES:
                size = data[at]
                at += 1
                if size > 0x7F:
                    size, at = _long(data, at - 1)
                start, at = at, at + size
                if at > end:
                    raise WireError("a field is cut off")
                key = texts.get(tag)
                if key is not None:
                    if size:
                        found[key] = data[start:at].decode()
                    continue
                setter = by_bytes.get(tag)
                if setter is not None:
                    setter(found, data, start, at, depth)
                    continue
            elif form == VARINT:
                value = data[at]
                at += 1
                if value > 0x7F:
                    value, at = _long(data, at - 1)
                set_number = by_number.get(tag)
                if set_number is not None:
                    set_number(found, value)
                    continue
            elif form == FIXED64:
                at += 8
                key = doubles.get(tag)
                if key is not None and at <= end:
                    found[key] = double(data[at - 8 : at])
                    continue
            elif form == FIXED32:
                at += 4
            else:
                raise WireError(f"wire type {form} is not in use")
            if tag >> 3 in known or tag < 8:  # else it is of a newer client
                raise WireError(f"wire type {form} does not fit field {tag >> 3}")
        if at > end:
            raise WireError("a field is cut off")
        for key, zero in kept:
            if key not in found:
                found[key] = zero
        return found.get("items", []) if alone else found

    return decode_message


def _long(data: bytes, at: int) -> tuple[int, int]:
    """A varint of more than one byte, mostly two: a field above 15, a length above 127."""
    second = data[at + 1]
    if second < 0x80:
        return data[at] & 0x7F | second << 7, at + 2
    return varint(data, at)


# -- numbers ---------------------------------------------------------------------------------------

_NUMBERS = {"bool", "int32", "int64"}
_ZERO: dict[str, Any] = {"string": "", "bytes": "", "bool": False, "int32": 0, "int64": 0}


def _number_setter(field: Field) -> _Number:
    name, kind = field.name, field.type
    if field.shape == "list":

        def append(found: Object, value: int) -> None:
            found.setdefault(name, []).append(_number(kind, value))

        return append
    always = field.pointer or field.keep_zero

    def put(found: Object, value: int) -> None:
        if value or always:
            found[name] = _number(kind, value)

    return put


def _number(kind: str, value: int) -> int | bool:
    return bool(value) if kind == "bool" else signed(value)


def _packed_setter(field: Field) -> _Bytes:
    name, kind = field.name, field.type

    def extend(found: Object, data: bytes, at: int, end: int, _depth: int) -> None:
        items = found.setdefault(name, [])
        while at < end:
            value, at = varint(data, at)
            items.append(_number(kind, value))

    return extend


# -- text, messages, maps --------------------------------------------------------------------------


def _later(table: dict[int, _Bytes], tag: int, field: Field) -> _Bytes:
    """A field's setter that is built at its first use: schemas contain themselves, and most fields
    are never seen."""

    def first(found: Object, data: bytes, start: int, end: int, depth: int) -> None:
        table[tag] = built = _setter(field)
        built(found, data, start, end, depth)

    return first


def _setter(field: Field) -> _Bytes:
    name = field.name
    if field.shape == "map":
        return _map_setter(field)
    read = _reader(field.type)
    if field.shape == "list":

        def append(found: Object, data: bytes, start: int, end: int, depth: int) -> None:
            value = read(data, start, end, depth + 1)
            if name in found:
                found[name].append(value)
            else:
                found[name] = [value]

        return append
    if field.inline:

        def merge(found: Object, data: bytes, start: int, end: int, depth: int) -> None:
            value = read(data, start, end, depth + 1)
            if isinstance(value, dict):
                found.update(value)

        return merge
    if field.pointer or field.keep_zero:

        def put(found: Object, data: bytes, start: int, end: int, depth: int) -> None:
            found[name] = read(data, start, end, depth + 1)

        return put

    def put_some(found: Object, data: bytes, start: int, end: int, depth: int) -> None:
        value = read(data, start, end, depth + 1)
        if not _is_zero(value):
            found[name] = value

    return put_some


def _is_zero(item: Any) -> bool:
    """What `omitempty` leaves out, and empty structs, which mean the same as none."""
    return item is None or item is False or item == 0 or item in ("", {}, [])


def _reader(kind: str) -> Decoder:
    if kind == "string":
        return lambda data, start, end, _depth: data[start:end].decode()
    if kind == "bytes":
        return lambda data, start, end, _depth: base64.b64encode(data[start:end]).decode()
    return decoder(kind)


_KEY, _VALUE = 1 << 3 | BYTES, 2 << 3 | BYTES
"""The tags of a map's entry."""


def _map_setter(field: Field) -> _Bytes:
    """A map from strings: each entry a message of a key and a value."""
    name, kind = field.name, field.type
    read = None if kind in _NUMBERS else _reader(kind)

    def put(found: Object, data: bytes, at: int, end: int, depth: int) -> None:
        key, value = "", None
        # Nearly every entry is a short key and a short value, in this order.
        middle = at + 2 + data[at + 1] if end - at > 1 else end
        if (
            read is not None
            and middle + 1 < end
            and data[at] == _KEY
            and data[middle] == _VALUE
            and data[at + 1] < 0x80
            and middle + 2 + data[middle + 1] == end
        ):
            key = data[at + 2 : middle].decode()
            value = read(data, middle + 2, end, depth + 1)
            at = end
        for part, _, item in fields(data[at:end]):
            if part == 1:
                key = _text(item)
            elif part != 2:
                continue
            elif isinstance(item, int):
                if read is not None:
                    raise WireError(f"a number stands where {kind} should")
                value = _number(kind, item)
            elif read is None:
                raise WireError(f"bytes stand where {kind} should")
            else:
                value = read(item, 0, len(item), depth + 1)
        if value is None:
            value = _ZERO[kind] if kind in _ZERO else decoder(kind)(b"", 0, 0, depth + 1)
        if name in found:
            found[name][key] = value
        else:
            found[name] = {key: value}

    return put


# -- unions and objects within objects -------------------------------------------------------------


def _union(union: Union) -> Decoder:
    """JSONSchemaPropsOrArray, …OrBool, …OrStringArray: a schema, or the other."""

    def decode_union(data: bytes, start: int, end: int, depth: int) -> Any:
        rest: list[Any] = []
        allows = False
        for number, _, value in fields(data[start:end]):
            if number == union.schema and isinstance(value, bytes):
                return decoder(SCHEMA)(value, 0, len(value), depth + 1)
            if number != union.other:
                continue
            if union.kind == "bool":
                allows = bool(value)
            elif isinstance(value, bytes):
                rest.append(_reader(union.kind)(value, 0, len(value), depth + 1))
        return allows if union.kind == "bool" else rest

    return decode_union


def _raw_extension(data: bytes, start: int, end: int, depth: int) -> Any:
    """Any object: as JSON, or in an envelope of its own."""
    whole = data[start:end]
    raw = next((value for number, _, value in fields(whole) if number == 1), b"")
    if isinstance(raw, bytes) and raw.startswith(MAGIC):
        if depth > _DEEPEST:
            raise WireError("messages are nested too deep")
        return _envelope(raw[len(MAGIC) :], depth + 1)
    return SPECIAL[RAW_EXTENSION].decode(whole)
