"""Filling in fields: what all the modules of this package are written with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from grappe.api import Object


def fill(obj: Object, defaults: Mapping[str, Any]) -> None:
    """Set each field that is absent. Values that are containers are copied."""
    for name, value in defaults.items():
        if name not in obj:
            obj[name] = value.copy() if isinstance(value, (dict, list)) else value


def fill_empty(obj: Object, name: str, value: str) -> None:
    """Set a text field that is absent or empty: Go's zero value counts as left out."""
    if not obj.get(name):
        obj[name] = value


def objects(obj: Object, name: str) -> Iterator[Object]:
    """The entries of a list of objects; nothing when it is absent."""
    for item in obj.get(name) or ():
        if isinstance(item, dict):
            yield item


def part(obj: Object, name: str) -> Object:
    """The object in field `name`, put there when absent."""
    found: Object = obj.setdefault(name, {})
    return found
