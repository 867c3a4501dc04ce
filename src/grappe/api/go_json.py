"""How Go's `encoding/json` speaks of JSON in its errors."""

from __future__ import annotations

from typing import Any


def kind_of(value: Any) -> str:
    """`string`, `number`, `bool`, `array` or `object`."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, dict):
        return "object"
    return "array" if isinstance(value, list) else "number"
