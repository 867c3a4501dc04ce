"""The simple JSON paths of custom resource definitions: `.spec.replicas`, `.spec['a.b']`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_STEP = re.compile(r"\.([A-Za-z0-9_-]+)|\['([^']+)'\]")


@lru_cache(maxsize=512)
def steps(path: str) -> tuple[str, ...]:
    """The keys a path goes through; ValueError when it is no simple path."""
    found, position = [], 0
    for match in _STEP.finditer(path):
        if match.start() != position:
            break
        found.append(match[1] or match[2])
        position = match.end()
    if position != len(path) or not found:
        raise ValueError(f"not a simple JSON path: {path}")
    return tuple(found)


def value_at(obj: Any, path: str) -> Any:
    """The value at `path`, None when it is not there."""
    for key in steps(path):
        if not isinstance(obj, dict):
            return None
        obj = obj.get(key)
    return obj


def set_at(obj: dict[str, Any], path: str, value: Any) -> None:
    """Put `value` at `path`, making the objects on the way."""
    *way, last = steps(path)
    for key in way:
        inner = obj.get(key)
        if not isinstance(inner, dict):
            inner = obj[key] = {}
        obj = inner
    obj[last] = value
