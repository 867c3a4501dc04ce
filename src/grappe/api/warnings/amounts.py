"""Quantities of bytes that are no whole number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

from grappe.api import Object, quantity
from grappe.api.causes import quote


def fractions(amounts: Object, at: str, names: Iterable[str]) -> Iterator[str]:
    """Those of `amounts` that count bytes (`names`) and have a fraction."""
    for name in names:
        value = amounts.get(name)
        if value is not None and not whole(value):
            shown = quote(quantity.canonical(value))
            yield f"{at}[{name}]: fractional byte value {shown} is invalid, must be an integer"


@lru_cache(1024)
def whole(value: str | int | float) -> bool:
    """The same few amounts are asked for again and again."""
    return quantity.millis(value) % 1000 == 0
