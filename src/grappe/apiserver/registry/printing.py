"""Columns and cells of a Table: a built-in kind's printer, or a custom resource's own columns."""

from __future__ import annotations

from typing import Any

from grappe.api import Object, printers
from grappe.apiserver.crd.columns import column_cells, column_definitions
from grappe.apiserver.registry.interface import ServedResource


def columns_of(served: ServedResource) -> list[Object]:
    """Column definitions."""
    if served.columns is not None:
        return column_definitions(served.columns)
    return printers.columns(served.resource)


def cells_of(served: ServedResource, obj: Object, now: float) -> list[Any]:
    """One value for each column."""
    if served.columns is not None:
        return column_cells(served.columns, obj, now)
    return printers.cells(served.resource, obj, now)
