"""From a JSON object to the protobuf that Go would have made of it.

Each message has an encoder that is built once, when first needed: a function from its JSON value
to its bytes, which looks at the fields an object has and not at all those it might have. What
protobuf cannot tell apart (no list and an empty one) is not told apart.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import cache
from typing import Any

from grappe.api import Object
from grappe.api.errors import ApiError, not_acceptable
from grappe.api.protobuf.special import SCHEMA, SPECIAL, UNIONS, Union
from grappe.api.protobuf.table import Field, is_list, message, message_of_kind
from grappe.api.protobuf.wire import BYTES, FIXED64, VARINT, base64_bytes, encode_varint, heads

Encoder = Callable[[Any], bytes]
"""From a JSON value to bytes: of a message, or of a field with its tag."""

MAGIC = b"k8s\x00"
_END = b"\x1a\x00\x22\x00"
"""The envelope's empty contentEncoding and contentType."""
_REMEMBERED, _SHORT = 32, 32
"""Values that a string field remembers, and the length below which it does."""
_LIST_METADATA = "k8s.io.apimachinery.pkg.apis.meta.v1.ListMeta"


def encode(obj: Object) -> bytes:
    """A whole body: the object in its envelope. ApiError 406 when its kind has no protobuf form."""
    api_version, kind = obj.get("apiVersion", ""), obj.get("kind", "")
    return envelope(api_version, kind, object_encoder(api_version, kind)(obj))


def object_encoder(api_version: str, kind: str) -> Encoder:
    """What encodes objects of a kind, without the envelope; ApiError 406 when nothing does."""
    name = message_of_kind(api_version, kind)
    if name is None:
        raise not_marshalable(kind)
    return encoder(name)


def not_marshalable(kind: str) -> ApiError:
    """406: there is no protobuf of this kind."""
    return not_acceptable(
        f"object {kind} does not implement the protobuf marshalling interface and cannot be "
        "encoded to a protobuf message"
    )


@cache
def _opening(api_version: str, kind: str) -> bytes:
    """The magic number, the type, and the tag of what follows."""
    version, name = api_version.encode(), kind.encode()
    meta = (
        heads(1, BYTES)[len(version)] + version + heads(2, BYTES)[len(name)] + name
    )  # both are shorter than 128 bytes: DNS subdomain plus version, identifier
    return MAGIC + heads(1, BYTES)[len(meta)] + meta + b"\x12"


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    """`raw`, an encoded message, as a body that names its kind."""
    return _opening(api_version, kind) + encode_varint(len(raw)) + raw + _END


@cache
def list_tags(api_version: str, kind: str) -> tuple[bytes, bytes]:
    """The tags of a list kind's metadata and of its items."""
    name = message_of_kind(api_version, kind)
    if name is None:
        raise not_marshalable(kind)
    numbers = {field.name: number for number, field in message(name).items()}
    return heads(numbers["metadata"], BYTES)[0][:-1], heads(numbers["items"], BYTES)[0][:-1]


def list_item(tag: bytes, raw: bytes) -> bytes:
    """An encoded object as one of a list's items."""
    return tag + encode_varint(len(raw)) + raw


def list_ends(api_version: str, kind: str, metadata: Object, items: int) -> tuple[bytes, bytes]:
    """What stands before and after `items` bytes of list items."""
    said = encoder(_LIST_METADATA)(metadata)
    said = list_tags(api_version, kind)[0] + encode_varint(len(said)) + said
    return _opening(api_version, kind) + encode_varint(len(said) + items) + said, _END


def watch_frame(event: str, body: bytes) -> bytes:
    """One event of a watch: four bytes of length and a WatchEvent around a whole body."""
    kind = event.encode()
    raw = b"\x0a" + encode_varint(len(body)) + body
    found = b"\x0a" + encode_varint(len(kind)) + kind + b"\x12" + encode_varint(len(raw)) + raw
    return len(found).to_bytes(4, "big") + found


# -- messages --------------------------------------------------------------------------------------


@cache
def encoder(name: str) -> Encoder:
    """The encoder of a message. Fields the message does not have are left out."""
    if special := SPECIAL.get(name):
        return special.encode
    if union := UNIONS.get(name):
        return _union(union)
    if is_list(name):
        (field,) = message(name).values()
        return _field(1, field)
    fields: dict[str, Encoder] = {}
    inlined: dict[str, int] = {}
    for number, field in message(name).items():
        if field.inline:
            inlined |= dict.fromkeys(json_names(field.type), number)
        else:
            fields[field.name] = _later(fields, number, field)
    if inlined:
        return _with_inlined(name, fields, inlined)

    known = fields.get

    def encode_message(obj: Any) -> bytes:
        found = []
        for key, value in obj.items():
            field = known(key)
            if field is not None and value is not None:
                found.append(field(value))
        return b"".join(found)

    return encode_message


def _later(fields: dict[str, Encoder], number: int, field: Field) -> Encoder:
    """A field's encoder that is built at its first use: schemas contain themselves, and most
    fields are never seen."""

    def first(value: Any) -> bytes:
        fields[field.name] = built = _field(number, field)
        return built(value)

    return first


def json_names(name: str) -> list[str]:
    """What a message's fields are called in JSON, those of inlined messages among them."""
    found = []
    for field in message(name).values():
        found += json_names(field.type) if field.inline else [field.name]
    return found


def _with_inlined(name: str, fields: dict[str, Encoder], inlined: dict[str, int]) -> Encoder:
    """The encoder of a message in whose JSON the fields of others stand."""
    others = {
        number: _field(number, field) for number, field in message(name).items() if field.inline
    }

    def encode_message(obj: Any) -> bytes:
        found = []
        apart: dict[int, Object] = {}
        for key, value in obj.items():
            if value is None:
                continue
            if key in fields:
                found.append(fields[key](value))
            elif key in inlined:
                apart.setdefault(inlined[key], {})[key] = value
        found += [others[number](part) for number, part in apart.items()]
        return b"".join(found)

    return encode_message


def _union(union: Union) -> Encoder:
    """JSONSchemaPropsOrArray, …OrBool, …OrStringArray."""

    def encode_union(value: Any) -> bytes:
        if isinstance(value, dict):
            found = _value(union.schema, SCHEMA)(value)
            # Go reads a schema as leave for what it describes.
            return _value(union.other, "bool")(True) + found if union.kind == "bool" else found
        other = _value(union.other, union.kind)
        return b"".join(map(other, value)) if isinstance(value, list) else other(value)

    return encode_union


# -- fields ----------------------------------------------------------------------------------------


def _field(number: int, field: Field) -> Encoder:
    if field.shape == "map":
        return _map(number, field.type)
    one = _value(number, field.type)
    if field.shape == "list":
        return lambda values: b"".join([one(value) for value in values])
    return one


def _value(number: int, kind: str) -> Encoder:
    """A single value with its tag."""
    if kind == "string":
        return _string(number)
    if kind == "bytes":
        return _delimited(number, base64_bytes)
    if kind == "double":
        return _double(number)
    if kind in ("bool", "int32", "int64"):
        return _integer(number)
    return _delimited(number, encoder(kind))


def _string(number: int) -> Encoder:
    """Most fields are short strings, and most of those are the same few: they are remembered."""
    short = heads(number, BYTES)
    tag = encode_varint(number << 3 | BYTES)
    known: dict[str, bytes] = {}

    def encode_field(value: str) -> bytes:
        found = known.get(value)
        if found is not None:
            return found
        data = value.encode()
        size = len(data)
        found = short[size] + data if size < 128 else tag + encode_varint(size) + data
        if size < _SHORT and len(known) < _REMEMBERED:
            known[value] = found
        return found

    return encode_field


def _delimited(number: int, inner: Encoder) -> Encoder:
    short = heads(number, BYTES)
    tag = encode_varint(number << 3 | BYTES)

    def encode_field(value: Any) -> bytes:
        data = inner(value)
        size = len(data)
        return short[size] + data if size < 128 else tag + encode_varint(size) + data

    return encode_field


def _integer(number: int) -> Encoder:
    short = heads(number, VARINT)
    tag = encode_varint(number << 3 | VARINT)

    def encode_field(value: Any) -> bytes:
        value = int(value)
        return short[value] if 0 <= value < 128 else tag + encode_varint(value)

    return encode_field


def _double(number: int) -> Encoder:
    tag = encode_varint(number << 3 | FIXED64)
    return lambda value: tag + struct.pack("<d", value)


def _map(number: int, kind: str) -> Encoder:
    """A map from strings: each entry a message of a key and a value."""
    key = _value(1, "string")
    item = _value(2, kind)
    entry = _delimited(number, lambda pair: key(pair[0]) + item(pair[1]))
    return lambda values: b"".join([entry(pair) for pair in values.items()])
