"""How much work expressions may do, and how much they did.

Kubernetes' limits (apiserver, `pkg/apis/cel/config.go`) and cel-go's prices: about one for each
step, one for each ten characters looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grappe.api.cel.ast import Call, Comprehension, Const, Expr, Ident, ListExpr, Select, StructExpr
from grappe.api.cel.values import CostExceeded
from grappe.base.turns import STRIDE, paced, pause

PER_CALL = 1_000_000
"""What one evaluation of one expression may cost."""
PER_REQUEST = 10_000_000
"""What all expressions about one object may cost together."""
PER_MATCH_CONDITIONS = PER_REQUEST // 4
"""What the match conditions of one webhook or policy may cost."""
ESTIMATED_RULE = 10_000_000
"""What one rule of a definition may be estimated to cost at worst."""
ESTIMATED_DEFINITION = 100_000_000
"""What all rules of a definition may be estimated to cost at worst."""
LONGEST_MESSAGE = 5 * 1024
"""Bytes of an evaluated messageExpression."""


class Meter:
    """Counts one evaluation's work, and pauses now and then for everybody else's."""

    __slots__ = ("_next", "limit", "spent")

    def __init__(self, limit: int = PER_CALL) -> None:
        self.limit = limit
        self.spent = 0
        self._next = min(limit, STRIDE)

    def spend(self, cost: int) -> None:
        self.spent += cost
        if self.spent > self._next:
            self._look()

    def _look(self) -> None:
        if self.spent > self.limit:
            raise CostExceeded
        pause()
        self._next = min(self.limit, self.spent + STRIDE)


def steps(expr: Expr) -> int:
    """What evaluating every part once costs, loops apart."""
    match expr:
        case Const():
            return 0
        case Ident():
            return 1
        case Select():
            return 1 + steps(expr.operand)
        case Call(function="_?_:_"):
            return steps(expr.args[0]) + max(steps(expr.args[1]), steps(expr.args[2]))
        case Call():
            return 1 + sum(map(steps, expr.args)) + (steps(expr.target) if expr.target else 0)
        case ListExpr():
            return 10 + sum(map(steps, expr.elements))
        case StructExpr():
            return 30 + sum(steps(e.key) + steps(e.value) for e in expr.entries)
        case Comprehension():
            return 1 + steps(expr.range) + steps(expr.init) + steps(expr.result)


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes | list | dict) else 1


def _tenths(*lengths: int) -> int:
    return sum(lengths) // 10 + 1


def _of_all(*args: Any) -> int:
    return _tenths(*map(_length, args))


def _of_product(*args: Any) -> int:
    return _tenths(_length(args[0])) * _tenths(_length(args[1]))


def _of_pairs(*args: Any) -> int:
    return _length(args[0]) * _length(args[1])


def _of_smaller(left: Any, right: Any) -> int:
    if isinstance(left, list | dict) and isinstance(right, list | dict):
        return _deep(left)
    return _tenths(min(_length(left), _length(right)))


def _deep(value: Any) -> int:
    """The nodes of a value."""
    if isinstance(value, list):
        return 1 + sum(map(_deep, paced(value)))
    if isinstance(value, dict):
        return 1 + sum(map(_deep, paced(value.values())))
    return _tenths(len(value)) if isinstance(value, str) else 1


def _of_replaced(value: str, old: str, new: str, *count: int) -> int:
    """What is read, and what is made of it."""
    return _tenths(len(value), value.count(old) * len(new))


def _of_search(item: Any, container: Any) -> int:
    return 1 if isinstance(container, dict) else _length(container)


PRICES: dict[str, Callable[..., int]] = {
    "_+_": _of_all,
    "_==_": _of_smaller,
    "_!=_": _of_smaller,
    "_<_": _of_smaller,
    "_<=_": _of_smaller,
    "_>_": _of_smaller,
    "_>=_": _of_smaller,
    "@in": _of_search,
    "contains": _of_product,
    "endsWith": lambda value, part: _tenths(_length(part)),
    "find": _of_product,
    "findAll": _of_product,
    "format": lambda value, args: _tenths(_length(value)) + sum(map(_deep, args)),
    "indexOf": _of_product,
    "isSorted": _of_all,
    "join": lambda values, between="": _deep(values) + len(values) * len(between) // 10,
    "lastIndexOf": _of_product,
    "lowerAscii": _of_all,
    "matches": _of_product,
    "max": lambda values: _length(values),
    "min": lambda values: _length(values),
    "replace": _of_replaced,
    "sets.contains": _of_pairs,
    "sets.equivalent": lambda left, right: 2 * _of_pairs(left, right),
    "sets.intersects": _of_pairs,
    "split": _of_all,
    "startsWith": lambda value, part: _tenths(_length(part)),
    "string": _of_all,
    "strings.quote": _of_all,
    "substring": _of_all,
    "sum": lambda values: _length(values),
    "trim": _of_all,
    "upperAscii": _of_all,
    "check": lambda *args: 350_000,
}
"""What a call costs beyond the step it is, by its arguments; functions not listed cost nothing."""
