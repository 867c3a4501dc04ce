"""Columns and cells of a Table: of a built-in kind from `grappe.api.printers`, of a custom
resource from its definition's `additionalPrinterColumns`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grappe.api import Object, printers
from grappe.apiserver.crd.columns import column_cells, column_definitions
from grappe.apiserver.records import body_of
from grappe.apiserver.registry.interface import ServedResource
from grappe.store.interface import Record


class Printed:
    """How one resource is printed."""

    def __init__(self, served: ServedResource) -> None:
        self._served = served
        self._custom = served.columns

    def columns(self) -> list[Object]:
        """Column definitions."""
        if self._custom is None:
            return printers.columns(self._served.resource)
        return column_definitions(self._custom)

    def source(self, record: Record, obj: Object) -> Object:
        """What the cells are made of: `obj`, or its stored form where versions differ. A
        built-in kind is printed the same in each of its versions."""
        if self._custom is None and self._served.from_storage is not None:
            return body_of(record)
        return obj

    def cells(self, obj: Object, now: float) -> list[Any]:
        """One value for each column; `now` in seconds since the epoch."""
        if self._custom is None:
            return printers.cells(self._served.resource, obj, now)
        return column_cells(self._custom, obj, now)

    def conditions(self, obj: Object) -> list[Object]:
        """What is said of a row besides its cells."""
        return printers.row_conditions(self._served.resource, obj) if self._custom is None else []

    def arranged(self, records: Sequence[Record]) -> Sequence[Record]:
        """The records in the order in which a list's rows stand."""
        order = printers.row_order(self._served.resource) if self._custom is None else None
        if order is None:
            return records
        return sorted(records, key=lambda record: order(body_of(record)))
