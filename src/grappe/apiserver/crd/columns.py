"""Printer columns of custom resources: `additionalPrinterColumns` as table columns and cells.

https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#additional-printer-columns
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from grappe.api import Object
from grappe.api.age import human_duration
from grappe.apiserver.crd.json_path import JsonPathError, json_path
from grappe.base.clock import parse_rfc3339

_NAME: Object = {
    "name": "Name",
    "type": "string",
    "format": "name",
    "description": "Name must be unique within a namespace.",
    "priority": 0,
}
DEFAULT_COLUMNS: tuple[Object, ...] = (
    {
        "name": "Age",
        "type": "date",
        "description": "When the object was created.",
        "jsonPath": ".metadata.creationTimestamp",
    },
)
"""The columns of a version that names none."""


def column_definitions(columns: Sequence[Object]) -> list[Object]:
    """`TableColumnDefinition`s: the name, then what the version asks for."""
    return [
        _NAME,
        *(
            {
                "name": column["name"],
                "type": column.get("type", "string"),
                "format": column.get("format", ""),
                "description": column.get("description")
                or "Custom resource definition column (in JSONPath format): "
                + column.get("jsonPath", ""),
                "priority": column.get("priority", 0),
            }
            for column in columns
        ),
    ]


def column_cells(columns: Sequence[Object], obj: Object, now: float) -> list[Any]:
    """One value for each of `column_definitions`; None where the object has none."""
    return [
        obj["metadata"].get("name", ""),
        *(_cell(column, obj, now) for column in columns),
    ]


def _cell(column: Object, obj: Object, now: float) -> Any:
    try:
        found = json_path(column.get("jsonPath", "")).values(obj)
    except JsonPathError:
        return None
    if not found or found[0] is None:
        return None
    value = found[0]
    match column.get("type"):
        case "integer":
            return int(value) if isinstance(value, int | float) else None
        case "number":
            return float(value) if isinstance(value, int | float) else None
        case "boolean":
            return value if isinstance(value, bool) else None
        case "date":
            return _age(value, now)
    return _text(value)


def _age(value: Any, now: float) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        return human_duration(now - parse_rfc3339(value))
    except ValueError:
        return "<invalid>"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
