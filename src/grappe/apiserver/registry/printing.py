"""Columns and cells of a Table."""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.apiserver.registry.interface import ServedResource

_NAME: Object = {
    "name": "Name",
    "type": "string",
    "format": "name",
    "description": "Name must be unique within a namespace.",
    "priority": 0,
}
_CREATED: Object = {
    "name": "Created At",
    "type": "date",
    "format": "",
    "description": "CreationTimestamp is a timestamp representing the server time when this "
    "object was created.",
    "priority": 0,
}


def columns_of(served: ServedResource) -> list[Object]:
    """Column definitions."""
    return [_NAME, _CREATED]


def cells_of(served: ServedResource, obj: Object, now: float) -> list[Any]:
    """One value for each column."""
    metadata = obj["metadata"]
    return [metadata["name"], metadata["creationTimestamp"]]
