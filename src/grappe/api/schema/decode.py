"""Reading JSON as a built-in kind, the way Kubernetes' decoder does.

One walk drops unknown fields, nulls, and what means nothing when empty or zero; it brings
quantities and times to their canonical form, and finds values of the wrong type. Each node is
compiled once, when first met, into a closure over a table of its fields; paths are put together
only when there is something to report.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

from grappe.api.quantity import QuantityError, canonical
from grappe.api.schema.emptiness import omits_empty
from grappe.api.schema.interface import DecodingError
from grappe.api.schema.node import Node, definition_node
from grappe.base.clock import utc_text

Decoder: TypeAlias = Callable[[Any, list[str]], Any]
"""(value, unknown paths to add to) → the value to keep."""


class _MismatchError(DecodingError):
    """A value of the wrong type; collects the field's path on its way up."""

    def __init__(self, value: Any, go_type: str) -> None:
        self.value = value
        self.go_type = go_type
        self.struct = ""
        self.path: list[str] = []
        super().__init__()

    def __str__(self) -> str:
        found = _json_type(self.value)
        if found == "number" and self.go_type in ("int32", "int64", "float64"):
            found = f"number {self.value!r}"
        if not self.struct:
            return f"json: cannot unmarshal {found} into Go value of type {self.go_type}"
        place = ".".join([self.struct, *reversed(self.path)])
        return f"json: cannot unmarshal {found} into Go struct field {place} of type {self.go_type}"


def decoder(node: Node, keep_empty: bool = False) -> Decoder:
    """The compiled decoder of `node`; one that `keep_empty` leaves empty lists and maps alone."""
    name = "decode whole" if keep_empty else "decode"
    found: Decoder | None = node.compiled.get(name)
    if found is None:
        found = node.compiled[name] = _compile(node, keep_empty)
    return found


def _compile(node: Node, keep_empty: bool) -> Decoder:
    if "x-grappe-or" in node.raw:
        return _alternative_decoder(node, keep_empty)
    special = _FORMATS.get(node.format)
    if special is not None and node.type in ("string", "any"):
        return special
    if node.type == "object":
        made = _struct_decoder if node.values is None else _map_decoder
        return made(node, keep_empty)
    if node.type == "array":
        return _list_decoder(node, keep_empty)
    if node.type == "integer":
        return _integer_decoder(32 if node.format == "int32" else 64)
    return {
        "string": _string,
        "boolean": _boolean,
        "number": _number,
        "any": _anything,
    }[node.type]


def _struct_decoder(node: Node, keep_empty: bool) -> Decoder:
    struct = node.definition.rpartition(".")[2] or node.raw.get("title", "")
    go_type = _go_type(node)
    # The type of what needs no look, the schema, its decoder once made, whether empty is nothing.
    table: dict[str, tuple[type | None, Node, Decoder | None, bool]] = {}

    def fill() -> None:
        for name, child in node.properties.items():
            plain = None
            if child.type in ("string", "boolean") and child.format not in _FORMATS:
                plain = str if child.type == "string" else bool
            table[name] = (plain, child, None, not keep_empty and omits_empty(node, name))

    def decode(value: Any, unknown: list[str]) -> Any:
        if value.__class__ is not dict:
            raise _MismatchError(value, go_type)
        if not table:
            fill()
        dropped: list[str] | None = None
        for key, inner in value.items():
            entry = table.get(key)
            if entry is None:
                unknown.append(key)
            elif inner is None:
                pass
            elif inner.__class__ is entry[0]:
                if inner or not entry[3]:
                    continue
            else:
                run = entry[2]
                if run is None:
                    run = decoder(entry[1], keep_empty)
                    table[key] = (entry[0], entry[1], run, entry[3])
                before = len(unknown)
                try:
                    kept = run(inner, unknown)
                except _MismatchError as error:
                    error.path.append(key)
                    error.struct = error.struct or struct
                    raise
                if kept is not inner:
                    value[key] = kept
                if len(unknown) != before:
                    _prefix(unknown, before, key)
                if kept or not entry[3]:
                    continue
            if dropped is None:
                dropped = [key]
            else:
                dropped.append(key)
        if dropped is not None:
            for key in dropped:
                del value[key]
        return value

    return decode


def _map_decoder(node: Node, keep_empty: bool) -> Decoder:
    child = node.values
    assert child is not None
    go_type = _go_type(node)
    plain_text = child.type == "string" and child.format not in _FORMATS
    zero = zero_value(child)

    def decode(value: Any, unknown: list[str]) -> Any:
        if value.__class__ is not dict:
            raise _MismatchError(value, go_type)
        run = decoder(child, keep_empty)
        for key, inner in value.items():
            if plain_text and inner.__class__ is str:
                continue
            if inner is None:
                value[key] = zero()
                continue
            before = len(unknown)
            kept = run(inner, unknown)
            if kept is not inner:
                value[key] = kept
            if len(unknown) != before:
                _prefix(unknown, before, key)
        return value

    return decode


def _list_decoder(node: Node, keep_empty: bool) -> Decoder:
    child = node.items
    go_type = _go_type(node)
    plain_text = child.type == "string" and child.format not in _FORMATS
    zero = zero_value(child)

    def decode(value: Any, unknown: list[str]) -> Any:
        if value.__class__ is not list:
            raise _MismatchError(value, go_type)
        run = decoder(child, keep_empty)
        for index, inner in enumerate(value):
            if plain_text and inner.__class__ is str:
                continue
            if inner is None:
                value[index] = zero()
                continue
            before = len(unknown)
            kept = run(inner, unknown)
            if kept is not inner:
                value[index] = kept
            if len(unknown) != before:
                _prefix(unknown, before, f"[{index}]")
        return value

    return decode


def _alternative_decoder(node: Node, keep_empty: bool) -> Decoder:
    """A JSON schema, or what may stand in its place: a boolean, an array of schemas, or an array
    of strings (the `JSONSchemaPropsOr…` types of a CustomResourceDefinition)."""
    schema = definition_node(node.raw["x-grappe-schema"])
    other = node.raw["x-grappe-or"]
    go_type = _go_type(node)

    def decode(value: Any, unknown: list[str]) -> Any:
        if value.__class__ is dict:
            return decoder(schema, keep_empty)(value, unknown)
        if other == "boolean" and value.__class__ is bool:
            return value
        if value.__class__ is list and other != "boolean":
            for index, inner in enumerate(value):
                before = len(unknown)
                if other == "array":
                    decoder(schema, keep_empty)(inner, unknown)
                else:
                    _string(inner, unknown)
                if len(unknown) != before:
                    _prefix(unknown, before, f"[{index}]")
            return value
        raise _MismatchError(value, go_type)

    return decode


def _prefix(unknown: list[str], start: int, part: str) -> None:
    for i in range(start, len(unknown)):
        rest = unknown[i]
        unknown[i] = f"{part}{rest}" if rest.startswith("[") else f"{part}.{rest}"


def zero_value(node: Node) -> Callable[[], Any]:
    """What Go leaves where JSON says null: the zero value of an entry of a map or list."""
    if node.format == "quantity":
        return lambda: "0"
    if node.type == "object":
        return dict
    if node.type == "array":
        return list
    return {"string": str, "boolean": bool, "integer": int, "number": int}.get(
        node.type, lambda: None
    )


# -- scalars ---------------------------------------------------------------------------------------


def _string(value: Any, unknown: list[str]) -> Any:
    if value.__class__ is str:
        return value
    raise _MismatchError(value, "string")


def _boolean(value: Any, unknown: list[str]) -> Any:
    if value.__class__ is bool:
        return value
    raise _MismatchError(value, "bool")


def _number(value: Any, unknown: list[str]) -> Any:
    if value.__class__ is int or value.__class__ is float:
        return value
    raise _MismatchError(value, "float64")


def _integer_decoder(bits: int) -> Decoder:
    limit = 1 << (bits - 1)
    go_type = f"int{bits}"

    def decode(value: Any, unknown: list[str]) -> Any:
        if value.__class__ is int and -limit <= value < limit:
            return value
        raise _MismatchError(value, go_type)

    return decode


def _anything(value: Any, unknown: list[str]) -> Any:
    return value


def _quantity(value: Any, unknown: list[str]) -> Any:
    if value.__class__ not in (str, int, float):
        raise _MismatchError(value, "resource.Quantity")
    try:
        return canonical(value)
    except QuantityError as error:
        raise DecodingError(str(error)) from None


def _int_or_string(value: Any, unknown: list[str]) -> Any:
    if value.__class__ is str:
        return value
    if value.__class__ is int and -(2**31) <= value < 2**31:
        return value
    raise _MismatchError(value, "int32" if value.__class__ in (int, float) else "string")


def _bytes(value: Any, unknown: list[str]) -> Any:
    if value.__class__ is not str:
        raise _MismatchError(value, "[]uint8")
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        joined = value.replace("\r", "").replace("\n", "")
        try:
            binascii.a2b_base64(joined, strict_mode=True)
        except ValueError:
            bad = re.search(r"[^A-Za-z0-9+/\r\n]", value)
            at = bad.start() if bad else len(value)
            raise DecodingError(f"illegal base64 data at input byte {at}") from None
        return joined
    return value


_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_LAYOUT = {
    "date-time": "2006-01-02T15:04:05Z07:00",
    "micro-time": "2006-01-02T15:04:05.000000Z07:00",
}


def _time_decoder(kind: str) -> Decoder:
    """RFC 3339 in any zone, kept in UTC with whole seconds (`Time`) or six digits
    (`MicroTime`)."""
    layout = _LAYOUT[kind]

    def decode(value: Any, unknown: list[str]) -> Any:
        if value.__class__ is not str:
            raise _MismatchError(value, "string")
        match = _TIME.fullmatch(value)
        try:
            if match is None:
                raise ValueError
            moment = datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            shown = f'"{value}"'
            raise DecodingError(
                f'parsing time {shown} as "{layout}": cannot parse {shown} as "2006"'
            ) from None
        if kind == "date-time" and match[1] is None and match[2] == "Z":
            return value
        return utc_text(moment, "seconds" if kind == "date-time" else "microseconds")

    return decode


_FORMATS: dict[str, Decoder] = {
    "quantity": _quantity,
    "int-or-string": _int_or_string,
    "byte": _bytes,
    "date-time": _time_decoder("date-time"),
    "micro-time": _time_decoder("micro-time"),
}


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, (int, float)):
        return "number"
    return "object" if isinstance(value, dict) else "array"


def _go_type(node: Node) -> str:
    """The Go type's name, as error messages show it."""
    if node.definition:
        *_, package, name = node.definition.split(".")
        return f"{package}.{name}"
    if node.type == "array":
        return f"[]{_go_type(node.items)}"
    if node.values is not None:
        return f"map[string]{_go_type(node.values)}"
    if node.type == "integer":
        return "int32" if node.format == "int32" else "int64"
    return {"boolean": "bool", "number": "float64"}.get(node.type, node.type)
