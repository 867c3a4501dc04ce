"""Declarations of CEL's own functions where Kubernetes' are wider than the library's: numbers of
different types have an order, and more can be made a string."""

from __future__ import annotations

from grappe.api.cel.operators import text
from grappe.api.cel.registry import function
from grappe.api.cel.values import compare

_NUMBERS = ("int", "uint", "double")
_ORDERED = (*_NUMBERS, "bool", "string", "bytes", "timestamp", "duration")
_STRINGS = (*_ORDERED, "IP", "CIDR")


def _comparable(operator: str) -> tuple[str, ...]:
    same = [(kind, kind) for kind in _ORDERED]
    mixed = [(a, b) for a in _NUMBERS for b in _NUMBERS if a != b]
    return tuple(f"{operator}({a}, {b}) -> bool" for a, b in (*same, *mixed))


function(*_comparable("_<_"))(lambda left, right: compare(left, right) < 0)
function(*_comparable("_<=_"))(lambda left, right: compare(left, right) <= 0)
function(*_comparable("_>_"))(lambda left, right: compare(left, right) > 0)
function(*_comparable("_>=_"))(lambda left, right: compare(left, right) >= 0)
function(*(f"string({kind}) -> string" for kind in _STRINGS))(text)

REPLACED = frozenset(("_<_", "_<=_", "_>_", "_>=_", "string"))
"""What the library shall not declare itself."""
