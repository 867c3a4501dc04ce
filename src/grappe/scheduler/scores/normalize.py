"""Raw scores brought to 0…100."""

from __future__ import annotations

from collections.abc import Sequence

HIGHEST = 100


def normalize(raw: Sequence[int], *, reverse: bool = False) -> list[int] | None:
    """In proportion to the highest; `reverse` when less is better. None when all are 0."""
    highest = max(raw, default=0)
    if highest <= 0:
        return None
    scaled = [value * HIGHEST // highest for value in raw]
    return [HIGHEST - value for value in scaled] if reverse else scaled


def between(raw: Sequence[float]) -> list[int] | None:
    """In proportion between the lowest (0) and the highest (100); None when all are equal."""
    lowest, highest = min(raw, default=0), max(raw, default=0)
    if highest == lowest:
        return None
    return [int(HIGHEST * (value - lowest) / (highest - lowest)) for value in raw]
