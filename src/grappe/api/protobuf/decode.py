"""From protobuf to the JSON object that Go would have made of it."""

from __future__ import annotations

import base64
from typing import Any

from grappe.api import Object
from grappe.api.errors import ApiError, bad_request
from grappe.api.protobuf import wire
from grappe.api.protobuf.special import RAW_EXTENSION, SCHEMA, SPECIAL, UNIONS, Union
from grappe.api.protobuf.table import Field, is_list, message, message_of_kind

CONTENT_TYPE = "application/vnd.kubernetes.protobuf"

_MAGIC = b"k8s\x00"
_DEEPEST = 100


def decode(body: bytes) -> Object:
    """The object in a protobuf body, with its `apiVersion` and `kind`.

    Raises ApiError 400 for what is no such body, or of a kind that has no protobuf form.
    """
    if body[:4] != _MAGIC:
        raise bad_request(
            "provided data does not appear to be a protobuf message, expected prefix "
            f"{list(_MAGIC)}"
        )
    try:
        return _envelope(body[len(_MAGIC) :], 0)
    except (ValueError, OverflowError, OSError) as error:
        raise bad_request(f"the protobuf message is damaged: {error}") from None


def _envelope(data: bytes, depth: int) -> Object:
    api_version = kind = ""
    raw = b""
    for number, _, value in wire.fields(data):
        if number == 1 and isinstance(value, bytes):
            for part, _, text in wire.fields(value):
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
    obj.update(_message(name, raw, depth))
    return obj


def _no_kind(api_version: str, kind: str) -> ApiError:
    return bad_request(f'no kind "{kind}" is registered for version "{api_version}" in protobuf')


def _message(name: str, data: bytes, depth: int) -> Any:
    """A message's JSON value: mostly an object, for some special types a string or a number."""
    if depth > _DEEPEST:
        raise wire.WireError("messages are nested too deep")
    if name == RAW_EXTENSION:
        return _raw_extension(data, depth)
    if special := SPECIAL.get(name):
        return special.decode(data)
    if union := UNIONS.get(name):
        return _union(union, data, depth)
    known = message(name)
    found: Object = {}
    for number, kind, value in wire.fields(data):
        field = known.get(number)
        if field is None:  # of a newer client
            continue
        _add(found, field, kind, value, depth)
    for field in known.values():
        if field.keep_zero and not field.inline and field.name not in found:
            zero = _ZERO.get(field.type) if field.shape == "one" else None
            if zero is not None and not field.pointer:
                found[field.name] = zero
    if is_list(name):
        return found.get("items", [])
    return found


def _add(found: Object, field: Field, kind: int, value: int | bytes, depth: int) -> None:
    """Put one wire field where JSON has it."""
    if field.shape == "map":
        key, item = _entry(field, value, depth)
        found.setdefault(field.name, {})[key] = item
        return
    if field.shape == "list":
        items = found.setdefault(field.name, [])
        if kind == wire.BYTES and field.type in _NUMBERS and isinstance(value, bytes):
            items.extend(_packed(field, value))
        else:
            items.append(_value(field.type, value, depth))
        return
    item = _value(field.type, value, depth)
    if field.inline:
        if isinstance(item, dict):
            found.update(item)
    elif field.pointer or field.keep_zero or not _is_zero(item):
        found[field.name] = item


def _entry(field: Field, value: int | bytes, depth: int) -> tuple[str, Any]:
    key, item = "", _ZERO.get(field.type)
    if not isinstance(value, bytes):
        raise wire.WireError(f"{field.name} is not a map")
    for number, _, part in wire.fields(value):
        if number == 1:
            key = _text(part)
        elif number == 2:
            item = _value(field.type, part, depth)
    if item is None:
        item = _value(field.type, b"", depth)
    return key, item


def _packed(field: Field, value: bytes) -> list[Any]:
    found, position = [], 0
    while position < len(value):
        number, position = wire.varint(value, position)
        found.append(_value(field.type, number, 0))
    return found


def _value(kind: str, value: int | bytes, depth: int) -> Any:
    if isinstance(value, int):
        if kind == "bool":
            return bool(value)
        if kind in ("int32", "int64"):
            return wire.signed(value)
        raise wire.WireError(f"a number stands where {kind} should")
    if kind == "string":
        return value.decode()
    if kind == "bytes":
        return base64.b64encode(value).decode()
    if kind == "double":
        return wire.double(value)
    if kind in _NUMBERS:
        raise wire.WireError(f"bytes stand where {kind} should")
    return _message(kind, value, depth + 1)


def _text(value: int | bytes) -> str:
    if isinstance(value, int):
        raise wire.WireError("a number stands where text should")
    return value.decode()


def _is_zero(item: Any) -> bool:
    """What `omitempty` leaves out, and empty structs, which mean the same as none."""
    return item is None or item is False or item == 0 or item in ("", {}, [])


_NUMBERS = {"bool", "int32", "int64"}
_ZERO: dict[str, Any] = {"string": "", "bytes": "", "bool": False, "int32": 0, "int64": 0}


# -- unions and objects within objects -------------------------------------------------------------


def _union(union: Union, data: bytes, depth: int) -> Any:
    """JSONSchemaPropsOrArray, …OrBool, …OrStringArray: a schema, or the other."""
    rest: list[Any] = []
    allows = False
    for number, _, value in wire.fields(data):
        if number == union.schema:
            return _value(SCHEMA, value, depth)
        if number == union.other and union.kind == "bool":
            allows = bool(value)
        elif number == union.other:
            rest.append(_value(union.kind, value, depth))
    return allows if union.kind == "bool" else rest


def _raw_extension(data: bytes, depth: int) -> Any:
    """Any object: as JSON, or in an envelope of its own."""
    raw = next((value for number, _, value in wire.fields(data) if number == 1), b"")
    if isinstance(raw, bytes) and raw.startswith(_MAGIC):
        return _envelope(raw[len(_MAGIC) :], depth)
    return SPECIAL[RAW_EXTENSION].decode(data)
