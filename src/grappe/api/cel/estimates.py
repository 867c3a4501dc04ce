"""What an expression costs at worst, by what its schema lets values become.

As cel-go and Kubernetes estimate: the size of what has no limit is what fits in a request of
3 MiB; a loop costs its body for each item. Prices are those of `costs`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from grappe.api.cel.ast import (
    Call,
    Comprehension,
    Const,
    Expr,
    Ident,
    ListExpr,
    Select,
    StructExpr,
)
from grappe.api.cel.types import escape
from grappe.api.schema import Node

LARGEST_REQUEST = 3 * 1024 * 1024
_MOST = 1 << 62
_FORMATS = {"date": 10, "date-time": 35, "duration": 32, "byte": LARGEST_REQUEST}


class Shape(NamedTuple):
    """What is known of a value: its schema, or else only its size."""

    node: Node | None
    size: int


_Scope = Mapping[str, Shape]
_ONE = Shape(None, 1)


def shape_of(node: Node) -> Shape:
    return Shape(node, largest(node))


def smallest_json(node: Node) -> int:
    """Bytes of the shortest JSON of this schema."""
    raw = node.raw
    if node.type == "string":
        return 2 + int(raw.get("minLength") or 0)
    if node.type == "boolean":
        return 4
    if node.type == "array":
        return 2
    if node.type == "object":
        needed = raw.get("required") or ()
        found = 2
        for name in needed:
            child = node.properties.get(name)
            if child is not None and child.custom and "default" not in child.raw:
                found += len(name) + 4 + smallest_json(child)
        return found
    return 1


def largest(node: Node) -> int:
    """The most characters, items or entries a value may have."""
    raw = node.raw
    if node.type == "string":
        if raw.get("enum"):
            return max((len(str(value)) for value in raw["enum"]), default=1)
        by_format = _FORMATS.get(raw.get("format") or "", LARGEST_REQUEST)
        return int(raw.get("maxLength", by_format))
    if node.type == "array":
        if raw.get("maxItems") is not None:
            return int(raw["maxItems"])
        return LARGEST_REQUEST // (smallest_json(node.items) + 1)
    if node.type == "object" and node.values is not None and not node.properties:
        if raw.get("maxProperties") is not None:
            return int(raw["maxProperties"])
        return LARGEST_REQUEST // (smallest_json(node.values) + 4)
    return LARGEST_REQUEST if node.type == "any" else 1


def cardinality(limits: tuple[int | None, ...], node: Node) -> int:
    """How often a value at `node` may occur in one object, below lists and maps with these
    limits."""
    found = 1
    for limit in limits:
        if limit is None:
            return LARGEST_REQUEST // max(1, smallest_json(node))
        found = min(_MOST, found * limit)
    return found


def estimate(expr: Expr, variables: _Scope) -> int:
    """The cost at worst."""
    return _estimate(expr, variables)[0]


def _tenth(size: int) -> int:
    return size // 10 + 1


def _estimate(expr: Expr, scope: _Scope) -> tuple[int, Shape]:
    match expr:
        case Const():
            return 0, Shape(None, len(expr.value) if isinstance(expr.value, str | bytes) else 1)
        case Ident():
            return 1, scope.get(expr.name, _ONE)
        case Select():
            cost, above = _estimate(expr.operand, scope)
            return cost + 1, _ONE if expr.test else _below(above, expr.field)
        case ListExpr():
            parts = [_estimate(one, scope) for one in expr.elements]
            return 10 + sum(cost for cost, _ in parts), Shape(None, len(parts))
        case StructExpr():
            cost = sum(_estimate(part, scope)[0] for e in expr.entries for part in (e.key, e.value))
            return 30 + cost, Shape(None, len(expr.entries))
        case Comprehension():
            return _fold(expr, scope)
        case Call():
            return _call(expr, scope)
    raise AssertionError(expr)


def _below(above: Shape, field: str) -> Shape:
    node = above.node
    if node is None:
        return Shape(None, above.size)
    for name, child in node.properties.items():
        if escape(name) == field:
            return shape_of(child)
    return shape_of(node.values) if node.values is not None else Shape(None, LARGEST_REQUEST)


def _item(container: Shape) -> Shape:
    node = container.node
    if node is None:
        return Shape(None, container.size)
    if node.type == "array":
        return shape_of(node.items)
    return shape_of(node.values) if node.values is not None else Shape(None, LARGEST_REQUEST)


def _fold(expr: Comprehension, scope: _Scope) -> tuple[int, Shape]:
    cost, items = _estimate(expr.range, scope)
    start, accu = _estimate(expr.init, scope)
    keyed = items.node is not None and items.node.type != "array"
    key = Shape(None, LARGEST_REQUEST if keyed else 1)
    inside: dict[str, Shape] = {**scope, expr.accu: accu}
    if expr.var2:
        inside[expr.var], inside[expr.var2] = key, _item(items)
    else:
        inside[expr.var] = key if keyed else _item(items)
    turn = _estimate(expr.condition, inside)[0] + _estimate(expr.step, inside)[0] + 1
    size = 1 if expr.range == ListExpr(()) else items.size
    end, result = _estimate(expr.result, {**scope, expr.accu: Shape(None, max(1, items.size))})
    return min(_MOST, cost + start + end + size * turn), result


def _call(expr: Call, scope: _Scope) -> tuple[int, Shape]:
    args = ([expr.target] if expr.target is not None else []) + list(expr.args)
    parts = [_estimate(arg, scope) for arg in args]
    sizes = [shape.size for _, shape in parts]
    inner = sum(cost for cost, _ in parts)
    shapes: list[Any] = [shape for _, shape in parts]
    match expr.function:
        case "_?_:_":
            then, other = parts[1], parts[2]
            larger = max(then[1], other[1], key=lambda shape: shape.size)
            return parts[0][0] + max(then[0], other[0]), larger
        case "_[_]" | "_[?_]":
            return inner + 1, _item(shapes[0])
        case "_?._":
            name = args[1].value if isinstance(args[1], Const) else ""
            return inner + 1, _below(shapes[0], str(name))
        case "_+_":
            total = sizes[0] + sizes[1]
            return inner + _tenth(total), Shape(None, total)
        case "_==_" | "_!=_" | "_<_" | "_<=_" | "_>_" | "_>=_":
            return inner + _tenth(min(sizes)), _ONE
        case "@in":
            return inner + sizes[1], _ONE
        case "contains" | "find" | "findAll" | "indexOf" | "lastIndexOf" | "matches":
            return inner + _tenth(sizes[0]) * _tenth(sizes[-1]), shapes[0]
        case "startsWith" | "endsWith":
            return inner + _tenth(sizes[-1]), _ONE
        case "sets.contains" | "sets.intersects" | "sets.equivalent":
            return inner + sizes[0] * sizes[1], _ONE
        case "size" | "_&&_" | "_||_" | "!_" | "@not_strictly_false":
            return inner + 1, _ONE
        case "orValue" | "or":
            return inner + 1, max(shapes, key=lambda s: s.size)
    largest_part = max(shapes, key=lambda s: s.size, default=_ONE)
    return inner + _tenth(max(sizes, default=1)), largest_part
