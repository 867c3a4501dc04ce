"""`/openapi/v2` in protobuf, the only form client-go asks for.

Message and field numbers are those of `openapi.v2.Document`
(https://github.com/google/gnostic/blob/main/openapiv2/OpenAPIv2.proto); only what our own
documents hold is written.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from grappe.api import Object

_METHODS = {"get": 2, "put": 3, "post": 4, "delete": 5, "patch": 8}
_SCHEMA_TEXTS = {"$ref": 1, "format": 2, "title": 3, "description": 4, "pattern": 13}
_SCHEMA_DOUBLES = {"multipleOf": 6, "maximum": 7, "minimum": 9}
_SCHEMA_NUMBERS = {
    "exclusiveMaximum": 8,
    "exclusiveMinimum": 10,
    "maxLength": 11,
    "minLength": 12,
    "maxItems": 14,
    "minItems": 15,
    "uniqueItems": 16,
    "maxProperties": 17,
    "minProperties": 18,
}


def v2_protobuf(document: Object) -> bytes:
    """A document made by `v2_document`, decoded from its JSON."""
    info = document["info"]
    paths = b"".join(_named(2, path, _path_item(item)) for path, item in document["paths"].items())
    definitions = b"".join(
        _named(1, name, _schema(schema)) for name, schema in document["definitions"].items()
    )
    return b"".join(
        (
            _text(1, document["swagger"]),
            _bytes(2, _text(1, info["title"]) + _text(2, info["version"])),
            *(_text(6, kind) for kind in document["consumes"]),
            *(_text(7, kind) for kind in document["produces"]),
            _bytes(8, paths),
            _bytes(9, definitions),
        )
    )


# -- the wire format -------------------------------------------------------------------------------


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value & 0xFFFF_FFFF_FFFF_FFFF)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _named(field: int, name: str, value: bytes) -> bytes:
    """An entry of a map: its name and its message."""
    return _bytes(field, _text(1, name) + _bytes(2, value))


def _any(value: Any) -> bytes:
    """`Any`: the value as YAML, of which JSON is a part."""
    return _text(2, orjson.dumps(value).decode())


def _extensions(field: int, obj: Mapping[str, Any]) -> Iterable[bytes]:
    return (_named(field, k, _any(v)) for k, v in obj.items() if k.startswith("x-"))


# -- messages --------------------------------------------------------------------------------------


def _path_item(item: Mapping[str, Any]) -> bytes:
    return b"".join(
        (
            *(_bytes(_METHODS[k], _operation(v)) for k, v in item.items() if k in _METHODS),
            *(_bytes(9, _parameter(p)) for p in item.get("parameters", ())),
        )
    )


def _operation(operation: Mapping[str, Any]) -> bytes:
    answers = b"".join(
        _named(1, code, _bytes(1, _answer(answer)))
        for code, answer in operation["responses"].items()
    )
    return b"".join(
        (
            *(_text(1, tag) for tag in operation["tags"]),
            _text(5, operation["operationId"]),
            *(_text(6, kind) for kind in operation["produces"]),
            *(_text(7, kind) for kind in operation["consumes"]),
            *(_bytes(8, _parameter(p)) for p in operation.get("parameters", ())),
            _bytes(9, answers),
            *_extensions(13, operation),
        )
    )


def _answer(answer: Mapping[str, Any]) -> bytes:
    """`Response`."""
    schema = answer.get("schema")
    text = _text(1, answer["description"])
    return text if schema is None else text + _bytes(2, _bytes(1, _schema(schema)))


def _parameter(parameter: Mapping[str, Any]) -> bytes:
    """`ParametersItem` of a body, query or path parameter."""
    place = parameter["in"]
    if place == "body":
        inner = _text(2, parameter["name"]) + _text(3, place)
        inner += _number(4, 1) if parameter.get("required") else b""
        return _bytes(1, _bytes(1, inner + _bytes(5, _schema(parameter["schema"]))))
    query = place == "query"
    inner = b"".join(
        (
            _number(1, 1) if parameter.get("required") else b"",
            _text(2, place),
            _text(4, parameter["name"]),
            _text(6 if query else 5, parameter["type"]),
            _number(20 if query else 19, 1) if parameter.get("uniqueItems") else b"",
        )
    )
    return _bytes(1, _bytes(2, _bytes(3 if query else 4, inner)))


def _schema(schema: Mapping[str, Any]) -> bytes:
    parts: list[bytes] = []
    for key, value in schema.items():
        if key in _SCHEMA_TEXTS:
            parts.append(_text(_SCHEMA_TEXTS[key], value))
        elif key in _SCHEMA_NUMBERS:
            parts.append(_number(_SCHEMA_NUMBERS[key], int(value)))
        elif key in _SCHEMA_DOUBLES:
            parts.append(_double(_SCHEMA_DOUBLES[key], value))
    if "default" in schema:
        parts.append(_bytes(5, _any(schema["default"])))
    parts += [_text(19, name) for name in schema.get("required", ())]
    parts += [_bytes(20, _any(value)) for value in schema.get("enum", ())]
    additional = schema.get("additionalProperties")
    if isinstance(additional, Mapping):
        parts.append(_bytes(21, _bytes(1, _schema(additional))))
    elif additional is not None:
        parts.append(_bytes(21, _number(2, int(bool(additional)))))
    if "type" in schema:
        parts.append(_bytes(22, _text(1, schema["type"])))
    if isinstance(schema.get("items"), Mapping):
        parts.append(_bytes(23, _bytes(1, _schema(schema["items"]))))
    if "properties" in schema:
        inner = (_named(1, name, _schema(s)) for name, s in schema["properties"].items())
        parts.append(_bytes(25, b"".join(inner)))
    parts += _extensions(31, schema)
    return b"".join(parts)
