"""Bodies that would take more than their size to handle: nested too deep, or aliased too often.

No function here refers to itself: such a closure and all it has gathered would be garbage that
waits for the collector, a hundred megabytes for one body of three.
"""

from __future__ import annotations

from itertools import chain
from typing import Any

MAX_DEPTH = 250
"""Deeper than any schema or object of use, and well within what recursive code can walk."""

MAX_VALUES = 1_000_000
"""Values a YAML document may stand for once its aliases are written out."""

MAX_NODES = 200_000
"""Values a YAML document may be written with, keys among them. Each takes half a kilobyte and 12 µs
to read, so that one body takes at most 100 MiB and a few seconds, of one thread. Kubernetes has no
such bound, but its reader is compiled; as JSON, which costs next to nothing, any number will do."""


def check_depth(value: Any) -> None:
    """ValueError when decoded JSON is nested deeper than MAX_DEPTH."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(MAX_DEPTH):
        inside = chain.from_iterable(
            one.values() if isinstance(one, dict) else one for one in level if one
        )
        level = [one for one in inside if isinstance(one, (dict, list))]
        if not level:
            return
    raise ValueError("exceeded max depth")


def check_extent(value: Any) -> None:
    """ValueError when a decoded document is nested deeper than MAX_DEPTH or, its shared parts
    written out, holds more than MAX_VALUES values (a part may even hold itself)."""
    try:
        count, depth = _measure(value, {})
    except RecursionError:
        raise ValueError("exceeded max depth") from None
    if depth > MAX_DEPTH:
        raise ValueError("exceeded max depth")
    if count > MAX_VALUES:
        raise ValueError("document contains excessive aliasing")


def _measure(found: Any, known: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """How many values, how deep; `known` by identity."""
    if not isinstance(found, (dict, list)):
        return 1, 0
    measured = known.get(id(found))
    if measured is None:
        count, depth = 1, 0
        for inner in found.values() if isinstance(found, dict) else found:
            more, below = _measure(inner, known)
            count, depth = count + more, max(depth, below)
        measured = known[id(found)] = (count, depth + 1)
    return measured
