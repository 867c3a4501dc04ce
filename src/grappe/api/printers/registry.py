"""Which printer a kind has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from grappe.api import Object
from grappe.api.printers import cluster, devices, networking, pods, policy, storage, workloads
from grappe.api.printers.column import NAME, Column, Printer
from grappe.api.printers.descriptions import description
from grappe.api.resources import Resource

_FALLBACK = Printer(
    (NAME, Column("Created At", "date")),
    lambda obj, _now: [obj["metadata"]["name"], obj["metadata"].get("creationTimestamp")],
)
_PRINTERS = {
    ("", "Pod"): pods.PRINTER,
    **workloads.PRINTERS,
    **networking.PRINTERS,
    **cluster.PRINTERS,
    **devices.PRINTERS,
    **policy.PRINTERS,
    **storage.PRINTERS,
}


def _printer(resource: Resource) -> Printer:
    return _PRINTERS.get((resource.group, resource.kind), _FALLBACK)


def columns(resource: Resource) -> list[Object]:
    """The `TableColumnDefinition`s of a built-in kind."""
    return [
        column.definition(description(resource.kind, column.name))
        for column in _printer(resource).columns
    ]


def cells(resource: Resource, obj: Object, now: float) -> list[Any]:
    """One row: a value for each of `columns`, `now` in seconds since the epoch."""
    return _printer(resource).cells(obj, now)


def row_order(resource: Resource) -> Callable[[Object], Any] | None:
    """What the rows of a list are sorted by; None: as they come."""
    return _printer(resource).order


def scale_columns() -> list[Object]:
    """The `TableColumnDefinition`s of a Scale."""
    return [c.definition(description("Scale", c.name)) for c in workloads.SCALE.columns]


def scale_cells(obj: Object, now: float) -> list[Any]:
    """The row of a Scale."""
    return workloads.SCALE.cells(obj, now)


def row_conditions(resource: Resource, obj: Object) -> list[Object]:
    """The `TableRowCondition`s of a row: that a pod has ended."""
    if resource.kind != "Pod" or resource.group:
        return []
    return pods.row_conditions(obj)
