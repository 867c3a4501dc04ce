"""Types whose JSON form is not that of their message: quantities, times, raw JSON, unions.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/ and the published
`generated.proto` files.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from grappe.api.protobuf.wire import encode_varint, fields, signed
from grappe.base.clock import rfc3339

_EXTENSIONS = "k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1."
_META = "k8s.io.apimachinery.pkg.apis.meta.v1."
SCHEMA = _EXTENSIONS + "JSONSchemaProps"
RAW_EXTENSION = "k8s.io.apimachinery.pkg.runtime.RawExtension"


class Special(NamedTuple):
    """A message's bytes to its JSON value, and back."""

    decode: Callable[[bytes], Any]
    encode: Callable[[Any], bytes]


class Union(NamedTuple):
    """A schema or something else: a bool, or a list of strings or schemas. Field numbers; `kind`
    is the other's type."""

    schema: int
    other: int
    kind: str


def delimited(tag: bytes, data: bytes) -> bytes:
    return tag + encode_varint(len(data)) + data


def _parts(data: bytes) -> dict[int, Any]:
    return {
        number: signed(value) if isinstance(value, int) else value
        for number, _, value in fields(data)
    }


def _text(value: Any) -> str:
    if not isinstance(value, bytes):
        raise ValueError("a number stands where text should")
    return value.decode()


# -- quantities ------------------------------------------------------------------------------------


def _quantity(data: bytes) -> str:
    return _text(_parts(data).get(1, b"0")) or "0"


def _quantity_bytes(value: Any) -> bytes:
    return delimited(b"\x0a", str(value).encode())  # JSON allows a bare number


def _int_or_string(data: bytes) -> int | str:
    parts = _parts(data)
    return _text(parts.get(3, b"")) if parts.get(1) else int(parts.get(2, 0))


def _int_or_string_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return b"\x08\x01\x10\x00" + delimited(b"\x1a", value.encode())
    return b"\x08\x00\x10" + encode_varint(int(value)) + b"\x1a\x00"


# -- times -----------------------------------------------------------------------------------------

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)


def _time(data: bytes) -> str | None:
    parts = _parts(data)
    return rfc3339(parts.get(1, 0)) if parts else None


def _micro_time(data: bytes) -> str | None:
    parts = _parts(data)
    if not parts:
        return None
    return f"{rfc3339(parts.get(1, 0))[:-1]}.{parts.get(2, 0) // 1000:06}Z"


@lru_cache(maxsize=1024)
def _time_bytes(text: str) -> bytes:
    """Many objects are stamped in one second."""
    return b"\x08" + encode_varint((datetime.fromisoformat(text) - _EPOCH) // _SECOND) + b"\x10\x00"


def _micro_time_bytes(text: str) -> bytes:
    seconds, rest = divmod(datetime.fromisoformat(text) - _EPOCH, _SECOND)
    nanoseconds = rest // _MICROSECOND * 1000
    return b"\x08" + encode_varint(seconds) + b"\x10" + encode_varint(nanoseconds)


# -- raw JSON --------------------------------------------------------------------------------------


def _raw_json(data: bytes) -> Any:
    raw = _parts(data).get(1, b"")
    return orjson.loads(raw) if raw else None


def _raw_json_bytes(value: Any) -> bytes:
    return delimited(b"\x0a", orjson.dumps(value))


_SHORT = 40


def _remembered(decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """The same for the few short values that stand in many objects, quicker."""
    known = lru_cache(maxsize=1024)(decode)
    return lambda data: known(data) if len(data) <= _SHORT else decode(data)


SPECIAL = {
    "k8s.io.apimachinery.pkg.api.resource.Quantity": Special(
        _remembered(_quantity), _quantity_bytes
    ),
    "k8s.io.apimachinery.pkg.util.intstr.IntOrString": Special(
        _remembered(_int_or_string), _int_or_string_bytes
    ),
    _META + "Time": Special(_remembered(_time), _time_bytes),
    _META + "MicroTime": Special(_remembered(_micro_time), _micro_time_bytes),
    _META + "FieldsV1": Special(_raw_json, _raw_json_bytes),
    _EXTENSIONS + "JSON": Special(_raw_json, _raw_json_bytes),
    RAW_EXTENSION: Special(_raw_json, _raw_json_bytes),
}
UNIONS = {
    _EXTENSIONS + "JSONSchemaPropsOrArray": Union(1, 2, SCHEMA),
    _EXTENSIONS + "JSONSchemaPropsOrBool": Union(2, 1, "bool"),
    _EXTENSIONS + "JSONSchemaPropsOrStringArray": Union(1, 2, "string"),
}
