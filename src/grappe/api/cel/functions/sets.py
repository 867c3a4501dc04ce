"""The sets extension (https://github.com/google/cel-go/tree/master/ext#sets)."""

from __future__ import annotations

from typing import Any

from grappe.api.cel.registry import implement
from grappe.api.cel.values import equal
from grappe.base.turns import paced


def _within(item: Any, values: list[Any]) -> bool:
    return any(equal(item, one) for one in paced(values))


@implement("sets.contains", 2)
def contains(values: list[Any], wanted: list[Any]) -> bool:
    return all(_within(item, values) for item in wanted)


@implement("sets.equivalent", 2)
def equivalent(left: list[Any], right: list[Any]) -> bool:
    return contains(left, right) and contains(right, left)


@implement("sets.intersects", 2)
def intersects(left: list[Any], right: list[Any]) -> bool:
    return any(_within(item, right) for item in left)
