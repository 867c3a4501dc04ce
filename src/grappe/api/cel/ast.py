"""A CEL expression as a tree, read from the wire form the library compiles to.

Field numbers are those of `cel/expr/syntax.proto` and `checked.proto`
(https://github.com/google/cel-spec/tree/master/proto/cel/expr).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Const:
    """A literal: `value` is what a program works with (see `values`), `identity` what the wire
    form calls it."""

    value: Any
    identity: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Ident:
    name: str


@dataclass(frozen=True, slots=True)
class Select:
    """`operand.field`; with `test`, `has(operand.field)`."""

    operand: Expr
    field: str
    test: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """`function(args)`; the receiver of a method is `target`."""

    function: str
    args: tuple[Expr, ...]
    target: Expr | None = None


@dataclass(frozen=True, slots=True)
class ListExpr:
    """`optional` are the indices of elements written `?element`."""

    elements: tuple[Expr, ...]
    optional: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Entry:
    key: Expr
    value: Expr
    optional: bool = False


@dataclass(frozen=True, slots=True)
class StructExpr:
    """A map, or an object when it has a `name`; an object's keys are constants."""

    name: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Comprehension:
    """What every macro comes down to: a fold over the range."""

    var: str
    var2: str
    range: Expr
    accu: str
    init: Expr
    condition: Expr
    step: Expr
    result: Expr


Expr: TypeAlias = Const | Ident | Select | Call | ListExpr | StructExpr | Comprehension
_Fields: TypeAlias = dict[int, list[Any]]


def children(expr: Expr) -> Iterator[Expr]:
    """The expressions right below `expr`."""
    match expr:
        case Select():
            yield expr.operand
        case Call():
            if expr.target is not None:
                yield expr.target
            yield from expr.args
        case ListExpr():
            yield from expr.elements
        case StructExpr():
            for entry in expr.entries:
                yield entry.key
                yield entry.value
        case Comprehension():
            yield from (expr.range, expr.init, expr.condition, expr.step, expr.result)


def identifiers(expr: Expr) -> frozenset[str]:
    """Every name the expression mentions."""
    found: set[str] = set()
    pending = [expr]
    while pending:
        one = pending.pop()
        if isinstance(one, Ident):
            found.add(one.name)
        pending.extend(children(one))
    return frozenset(found)


def read_expression(serialized: bytes) -> Expr:
    """The tree of a `CheckedExpr` or `ParsedExpr` inside an `Any`."""
    any_ = _fields(serialized)
    whole = _fields(any_[2][0])
    if any_[1][0].endswith(b"ParsedExpr"):
        return _expression(whole[2][0], {})
    references: dict[int, str] = {}
    for raw in whole.get(2, ()):
        entry = _fields(raw)
        name = _text(_fields(entry[2][0]), 1) if 2 in entry else ""
        if name and 1 in entry:
            references[entry[1][0]] = name
    return _expression(whole[4][0], references)


def read_offset(serialized: bytes, identity: int) -> int:
    """Where in the source (in characters) the expression of that identity stands."""
    whole = _fields(_fields(serialized)[2][0])
    for raw in _fields(whole[5][0]).get(4, ()):
        position = _fields(raw)
        if position.get(1) == [identity]:
            found: int = position.get(2, [0])[0]
            return found
    return 0


def _expression(raw: bytes, references: dict[int, str]) -> Expr:
    fields = _fields(raw)
    identity = fields.get(2, [0])[0]

    def below(part: bytes) -> Expr:
        return _expression(part, references)

    if 3 in fields:
        return Const(_constant(_fields(fields[3][0])), identity)
    if 4 in fields:
        return Ident(_text(_fields(fields[4][0]), 1))
    if 5 in fields:
        select = _fields(fields[5][0])
        if identity in references:  # a name with dots in it, such as `variables.x`
            return Ident(references[identity])
        return Select(below(select[1][0]), _text(select, 2), bool(select.get(3, [0])[0]))
    if 6 in fields:
        call = _fields(fields[6][0])
        target = below(call[1][0]) if 1 in call else None
        args = tuple(below(arg) for arg in call.get(3, ()))
        return Call(_text(call, 2), args, target)
    if 7 in fields:
        made = _fields(fields[7][0])
        optional = frozenset(_packed(made.get(2, ())))
        return ListExpr(tuple(below(one) for one in made.get(1, ())), optional)
    if 8 in fields:
        made = _fields(fields[8][0])
        return StructExpr(_text(made, 1), tuple(_entry(e, references) for e in made.get(2, ())))
    fold = _fields(fields[9][0])
    parts = [below(fold[number][0]) for number in (2, 4, 5, 6, 7)]
    return Comprehension(
        _text(fold, 1), _text(fold, 8), parts[0], _text(fold, 3), parts[1], *parts[2:]
    )


def _entry(raw: bytes, references: dict[int, str]) -> Entry:
    fields = _fields(raw)
    key: Expr = _expression(fields[3][0], references) if 3 in fields else Const(_text(fields, 2))
    return Entry(key, _expression(fields[4][0], references), bool(fields.get(5, [0])[0]))


def _constant(fields: _Fields) -> Any:
    from grappe.api.cel.values import UInt

    for number, found in fields.items():
        raw = found[0]
        match number:
            case 2:
                return bool(raw)
            case 3:
                return raw - (1 << 64) if raw >> 63 else raw
            case 4:
                return UInt(raw)
            case 5:
                return struct.unpack("<d", raw)[0]
            case 6:
                return raw.decode()
            case 7:
                return raw
    return None


def _text(fields: _Fields, number: int) -> str:
    found: bytes = fields.get(number, [b""])[0]
    return found.decode()


def _packed(found: Any) -> Iterator[int]:
    for raw in found:
        if isinstance(raw, int):
            yield raw
            continue
        at = 0
        while at < len(raw):
            value, at = _varint(raw, at)
            yield value


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = raw[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(raw: bytes) -> _Fields:
    """The fields of one message, by number."""
    found: _Fields = {}
    at, end = 0, len(raw)
    while at < end:
        tag, at = _varint(raw, at)
        kind = tag & 7
        value: Any
        if kind == 0:
            value, at = _varint(raw, at)
        elif kind == 2:
            size, at = _varint(raw, at)
            value, at = raw[at : at + size], at + size
        else:
            size = 8 if kind == 1 else 4
            value, at = raw[at : at + size], at + size
        found.setdefault(tag >> 3, []).append(value)
    return found
