"""Objects of every kind, made from the table of messages in the form that Go would print.

Random and not drawn value by value from hypothesis: a pod has a thousand fields, and a seed makes
one in a millisecond.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from grappe.api.protobuf import special
from grappe.api.protobuf.table import Field, is_list, message

_DEEPEST = 5
_TEXTS = ("", "a", "web-1", "é€😀", 'nul\x00quote"', "x" * 127, "y" * 128, "z" * 20000)
_START = datetime(1900, 1, 1, tzinfo=UTC)


def _integer(random: Random, bits: int) -> int:
    edges = (0, 1, -1, 127, 128, 16383, 16384, 2 ** (bits - 1) - 1, -(2 ** (bits - 1)))
    return random.choice((*edges, random.getrandbits(bits - 1)))


def _time(random: Random, form: str) -> str:
    moment = _START + timedelta(microseconds=random.randrange(400 * 365 * 86400 * 10**6))
    return moment.strftime(form)


def _json(random: Random, depth: int = 0) -> Any:
    kind = random.randrange(7 if depth < 3 else 5)
    if kind == 5:
        return [_json(random, depth + 1) for _ in range(random.randrange(3))]
    if kind == 6:
        return {key: _json(random, depth + 1) for key in "ab"[: random.randrange(3)]}
    return (None, True, random.getrandbits(40), 1.5, random.choice(_TEXTS))[kind]


_SCALARS: dict[str, Callable[[Random], Any]] = {
    "string": lambda random: random.choice(_TEXTS),
    "bytes": lambda random: base64.b64encode(random.randbytes(random.choice((0, 1, 300)))).decode(),
    "bool": lambda random: random.random() < 0.5,
    "int32": lambda random: _integer(random, 32),
    "int64": lambda random: _integer(random, 64),
    "double": lambda random: random.choice((0.0, -1.5, 1e300, 0.1)),
}
_SPECIAL: dict[str, Callable[[Random], Any]] = {
    "Quantity": lambda random: random.choice(("100m", "1", "2Gi", "-5", "1e3")),
    "IntOrString": lambda random: random.choice((_integer(random, 32), "http", "25%")),
    "Time": lambda random: _time(random, "%Y-%m-%dT%H:%M:%SZ"),
    "MicroTime": lambda random: _time(random, "%Y-%m-%dT%H:%M:%S.%fZ"),
    "FieldsV1": lambda random: {"f:a": _json(random)},
    "JSON": lambda random: {"json": _json(random)},
    "RawExtension": lambda random: {"raw": _json(random)},
}


def value_of(name: str, random: Random, depth: int = 0) -> Any:
    """A JSON value of a message."""
    if name in special.SPECIAL:
        return _SPECIAL[name.rpartition(".")[2]](random)
    if union := special.UNIONS.get(name):
        if depth < _DEEPEST and random.random() < 0.5:
            return value_of(special.SCHEMA, random, depth + 1)
        if union.kind == "bool":
            return random.random() < 0.5
        return [_value(union.kind, random, depth + 1)]
    if is_list(name):
        (field,) = message(name).values()
        return [_value(field.type, random, depth)]
    found: dict[str, Any] = {}
    often = random.random()
    for field in message(name).values():
        if field.inline:
            found |= value_of(field.type, random, depth)
            continue
        scalar = field.type in _SCALARS
        always = field.keep_zero and scalar and field.shape == "one" and not field.pointer
        if not always and (random.random() > often or (not scalar and depth >= _DEEPEST)):
            continue
        value = _field(field, random, depth + 1)
        if always or field.pointer or field.keep_zero or value not in (None, "", 0, False, {}):
            found[field.name] = value
    return found


def _field(field: Field, random: Random, depth: int) -> Any:
    if field.shape == "list":
        return [_value(field.type, random, depth) for _ in range(random.randrange(1, 3))]
    if field.shape == "map":
        return {key: _value(field.type, random, depth) for key in ("a", "b/c")}
    return _value(field.type, random, depth)


def _value(kind: str, random: Random, depth: int) -> Any:
    scalar = _SCALARS.get(kind)
    return scalar(random) if scalar else value_of(kind, random, depth)
