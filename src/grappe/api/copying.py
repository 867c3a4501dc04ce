"""Copies of plain JSON."""

from __future__ import annotations

from typing import Any


def copied(value: Any) -> Any:
    """A value that shares no object or list with the original."""
    if isinstance(value, dict):
        return {k: copied(v) for k, v in value.items()}
    if isinstance(value, list):
        return [copied(v) for v in value]
    return value
