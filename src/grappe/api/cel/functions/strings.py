"""The strings extension, version 2, and what CEL has by itself
(https://github.com/google/cel-go/tree/master/ext#strings)."""

from __future__ import annotations

import math
from typing import Any

from grappe.api.cel.operators import text
from grappe.api.cel.registry import function, implement
from grappe.api.cel.values import CelError, no_overload
from grappe.base.turns import paced

_ASCII_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_ASCII_UPPER = {upper: lower for lower, upper in _ASCII_LOWER.items()}
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_ESCAPES = str.maketrans({
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
    "\\": "\\\\", '"': '\\"',
})  # fmt: skip


def _strings(*values: Any) -> None:
    if not all(isinstance(value, str) for value in values):
        raise no_overload()


@implement("contains", 2, str)
def contains(value: str, part: Any) -> bool:
    _strings(part)
    return part in value


@implement("startsWith", 2, str)
def starts_with(value: str, part: Any) -> bool:
    _strings(part)
    return value.startswith(part)


@implement("endsWith", 2, str)
def ends_with(value: str, part: Any) -> bool:
    _strings(part)
    return value.endswith(part)


@function("string.charAt(int) -> string", on=str)
def char_at(value: str, at: int) -> str:
    if not 0 <= at <= len(value):
        raise CelError(f"index out of range: {at}")
    return value[at : at + 1]


@function("string.indexOf(string) -> int", on=str)
def index_of(value: str, part: str) -> int:
    return value.find(part)


@function("string.indexOf(string, int) -> int", on=str)
def index_of_from(value: str, part: str, at: int) -> int:
    if not 0 <= at <= len(value):
        raise CelError(f"index out of range: {at}")
    return value.find(part, at)


@function("string.lastIndexOf(string) -> int", on=str)
def last_index_of(value: str, part: str) -> int:
    return value.rfind(part)


@function("string.lastIndexOf(string, int) -> int", on=str)
def last_index_of_until(value: str, part: str, at: int) -> int:
    if not 0 <= at <= len(value):
        raise CelError(f"index out of range: {at}")
    return value.rfind(part, 0, at + len(part))


function("string.lowerAscii() -> string", on=str)(lambda value: value.translate(_ASCII_LOWER))
function("string.upperAscii() -> string", on=str)(lambda value: value.translate(_ASCII_UPPER))
function("string.trim() -> string", on=str)(lambda value: value.strip(_SPACE))
function("string.replace(string, string) -> string", on=str)(
    lambda value, old, new: value.replace(old, new)
)
function("string.replace(string, string, int) -> string", on=str)(
    lambda value, old, new, count: value.replace(old, new, count) if count else value
)


@function("string.split(string) -> list(string)", on=str)
def split(value: str, separator: str) -> list[str]:
    return value.split(separator) if separator else list(value)


@function("string.split(string, int) -> list(string)", on=str)
def split_some(value: str, separator: str, limit: int) -> list[str]:
    if limit == 0:
        return []
    if limit < 0:
        return split(value, separator)
    if separator:
        return value.split(separator, limit - 1)
    letters = list(value)
    return [*letters[: limit - 1], "".join(letters[limit - 1 :])] if letters else []


@function("string.substring(int) -> string", on=str)
def substring_from(value: str, start: int) -> str:
    return substring(value, start, len(value))


@function("string.substring(int, int) -> string", on=str)
def substring(value: str, start: int, end: int) -> str:
    if not 0 <= start <= len(value):
        raise CelError(f"index out of range: {start}")
    if not 0 <= end <= len(value):
        raise CelError(f"index out of range: {end}")
    if start > end:
        raise CelError(f"invalid substring range. start: {start}, end: {end}")
    return value[start:end]


@function("list(string).join() -> string", on=list)
def join(values: list[Any]) -> str:
    return join_with(values, "")


@function("list(string).join(string) -> string", on=list)
def join_with(values: list[Any], separator: str) -> str:
    _strings(*values)
    return separator.join(values)


@function("strings.quote(string) -> string")
def quote(value: str) -> str:
    return '"' + value.translate(_ESCAPES) + '"'


# -- format ----------------------------------------------------------------------------------------
@function("string.format(list(dyn)) -> string", on=str)
def format_string(value: str, args: list[Any]) -> str:
    """`'%s is %d'.format([a, b])`."""
    out: list[str] = []
    rest = iter(args)
    at = 0
    while at < len(value):
        if value[at] != "%":
            out.append(value[at])
            at += 1
            continue
        at += 1
        if value[at : at + 1] == "%":
            out.append("%")
            at += 1
            continue
        precision = None
        if value[at : at + 1] == ".":
            start = at = at + 1
            while value[at : at + 1].isdigit():
                at += 1
            precision = min(int(value[start:at] or 0), 1000)
        clause = value[at : at + 1]
        if not clause:
            raise CelError("unexpected end of string")
        at += 1
        try:
            arg = next(rest)
        except StopIteration:
            raise CelError(f"index {len(args)} out of range") from None
        out.append(_clause(clause, precision, arg))
    return "".join(out)


def _clause(clause: str, precision: int | None, arg: Any) -> str:
    if clause == "s":
        return _shown(arg)
    if isinstance(arg, bool) and clause != "b":
        raise CelError(f"error during formatting: %{clause} clause is not for bool")
    if clause == "d" and isinstance(arg, int | float):
        return str(arg) if isinstance(arg, int) else _special(arg) or str(int(arg))
    if clause in ("f", "e") and isinstance(arg, int | float):
        number = float(arg)
        return _special(number) or f"{number:.{6 if precision is None else precision}{clause}}"
    if clause == "b" and isinstance(arg, int):
        return f"{int(arg):b}"
    if clause == "o" and isinstance(arg, int):
        return f"{arg:o}"
    if clause in ("x", "X"):
        if isinstance(arg, int):
            return f"{arg:{clause}}"
        if isinstance(arg, str | bytes):
            raw = arg.encode() if isinstance(arg, str) else arg
            return raw.hex().upper() if clause == "X" else raw.hex()
    raise CelError(f'error during formatting: unrecognized formatting clause "{clause}"')


def _special(number: float) -> str:
    if math.isnan(number):
        return "NaN"
    return ("Infinity" if number > 0 else "-Infinity") if math.isinf(number) else ""


def _shown(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, list):
        return "[" + ", ".join(map(_shown, paced(value))) + "]"
    if isinstance(value, dict):
        entries = sorted((_shown(k), _shown(v)) for k, v in paced(value.items()))
        return "{" + ", ".join(f"{k}: {v}" for k, v in entries) + "}"
    return text(value)
