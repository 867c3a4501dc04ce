"""Kubernetes' list library: isSorted, sum, min, max, indexOf, lastIndexOf."""

from __future__ import annotations

from itertools import islice, pairwise
from typing import Any

from grappe.api.cel.operators import add
from grappe.api.cel.registry import function
from grappe.api.cel.values import CelError, Duration, compare, equal
from grappe.base.turns import paced

_ORDERED = ("int", "uint", "double", "bool", "string", "bytes", "duration", "timestamp")
_SUMMABLE = ("int", "uint", "double", "duration")


@function("list(dyn).isSorted() -> bool", on=list)
def is_sorted(values: list[Any]) -> bool:
    return all(compare(a, b) <= 0 for a, b in paced(pairwise(values)))


@function(*(f"list({kind}).sum() -> {kind}" for kind in _SUMMABLE), on=list)
def total(values: list[Any]) -> Any:
    if not values:
        return 0
    found = values[0]
    if isinstance(found, Duration):
        return Duration(sum(one.nanos for one in paced(values)))
    for one in paced(islice(values, 1, None)):
        found = add(found, one)
    return found


@function(*(f"list({kind}).min() -> {kind}" for kind in _ORDERED), on=list)
def least(values: list[Any]) -> Any:
    if not values:
        raise CelError("min called on empty list")
    found = values[0]
    for one in paced(values):
        if compare(one, found) < 0:
            found = one
    return found


@function(*(f"list({kind}).max() -> {kind}" for kind in _ORDERED), on=list)
def greatest(values: list[Any]) -> Any:
    if not values:
        raise CelError("max called on empty list")
    found = values[0]
    for one in paced(values):
        if compare(one, found) > 0:
            found = one
    return found


@function("list(dyn).indexOf(dyn) -> int", on=list)
def first_index(values: list[Any], wanted: Any) -> int:
    return next((i for i, one in enumerate(paced(values)) if equal(one, wanted)), -1)


@function("list(dyn).lastIndexOf(dyn) -> int", on=list)
def last_index(values: list[Any], wanted: Any) -> int:
    return next((i for i in paced(range(len(values) - 1, -1, -1)) if equal(values[i], wanted)), -1)
