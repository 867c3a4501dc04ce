"""JSON values as Go's `%v` prints them in the errors of strategic merge patch."""

from __future__ import annotations

from typing import Any


def go_text(value: Any) -> str:
    """`map[image:web:2 name:a]`, `[a b]`, `<nil>`."""
    if isinstance(value, dict):
        return "map[" + " ".join(f"{k}:{go_text(value[k])}" for k in sorted(value)) + "]"
    if isinstance(value, list | tuple):
        return "[" + " ".join(map(go_text, value)) + "]"
    if value is None:
        return "<nil>"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
