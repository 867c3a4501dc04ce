"""Columns and cells of a Table: of a built-in kind from `grappe.api.printers`, of a custom
resource from its definition's `additionalPrinterColumns`."""

from __future__ import annotations

from typing import Any

from grappe.api import Object, printers
from grappe.apiserver.crd.columns import column_cells, column_definitions
from grappe.apiserver.registry.interface import ServedResource


def columns_of(served: ServedResource) -> list[Object]:
    """Column definitions."""
    if served.columns is None:
        return printers.columns(served.resource)
    return column_definitions(served.columns)


def row_conditions_of(served: ServedResource, obj: Object) -> list[Object]:
    """What is said of a row besides its cells."""
    return printers.row_conditions(served.resource, obj) if served.columns is None else []


def cells_of(served: ServedResource, obj: Object, now: float) -> list[Any]:
    """One value for each column; `now` in seconds since the epoch."""
    if served.columns is None:
        return printers.cells(served.resource, obj, now)
    return column_cells(served.columns, obj, now)
