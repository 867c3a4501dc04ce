"""Literals that can never be evaluated: patterns, durations and timestamps written wrongly.

Kubernetes refuses them when an expression is compiled, not when it is evaluated (cel-go's
validators of literals, part of its environment since 1.29). Patterns of `find` and `findAll` are
not among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from grappe.api.cel.ast import Call, Const, Expr, children
from grappe.api.cel.registry import implementation
from grappe.api.cel.values import CelError
from grappe.api.schema.regex import PatternError, go_regex


def bad_literals(expr: Expr) -> Iterator[tuple[int, str]]:
    """The identity of each bad literal in a checked expression, and what is wrong with it."""
    pending = [expr]
    while pending:
        one = pending.pop()
        pending.extend(children(one))
        if isinstance(one, Call) and one.function in _CHECKS and one.args:
            literal = one.args[0]
            if isinstance(literal, Const) and not _CHECKS[one.function](literal.value):
                yield literal.identity, f"invalid {one.function} argument"


def _is_pattern(value: Any) -> bool:
    if not isinstance(value, str):
        return True
    try:
        go_regex(value)
    except PatternError:
        return False
    return True


def _is_duration(value: Any) -> bool:
    return _converts("duration", value)


def _is_timestamp(value: Any) -> bool:
    return _converts("timestamp", value)


def _converts(function: str, value: Any) -> bool:
    convert = implementation(function, 1)
    assert convert is not None
    try:
        convert(value)
    except CelError:
        return False
    return True


_CHECKS = {"matches": _is_pattern, "duration": _is_duration, "timestamp": _is_timestamp}


def told(source: str, offset: int, problem: str) -> str:
    """A problem as cel-go shows it: where, the line, and a mark below it."""
    before = source[:offset]
    start = before.rfind("\n") + 1
    line = source[start:].partition("\n")[0]
    at = offset - start
    number = before.count("\n") + 1
    return f"ERROR: <input>:{number}:{at + 1}: {problem}\n | {line}\n | {'.' * at}^"
