"""Bodies that would take more than their size to handle: nested too deep, or aliased too often."""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 250
"""Deeper than any schema or object of use, and well within what recursive code can walk."""

MAX_VALUES = 1_000_000
"""Values a YAML document may stand for once its aliases are written out."""


def check_extent(value: Any) -> None:
    """ValueError when a decoded document is nested deeper than MAX_DEPTH or, its shared parts
    written out, holds more than MAX_VALUES values (a part may even hold itself)."""
    known: dict[int, tuple[int, int]] = {}

    def measure(found: Any) -> tuple[int, int]:
        """How many values, how deep."""
        if not isinstance(found, (dict, list)):
            return 1, 0
        measured = known.get(id(found))
        if measured is None:
            count, depth = 1, 0
            for inner in found.values() if isinstance(found, dict) else found:
                more, below = measure(inner)
                count, depth = count + more, max(depth, below)
            measured = known[id(found)] = (count, depth + 1)
        return measured

    try:
        count, depth = measure(value)
    except RecursionError:
        raise ValueError("exceeded max depth") from None
    if depth > MAX_DEPTH:
        raise ValueError("exceeded max depth")
    if count > MAX_VALUES:
        raise ValueError("document contains excessive aliasing")
