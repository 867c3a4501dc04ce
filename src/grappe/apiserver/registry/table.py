"""Objects as rows of a Table: what `kubectl get` prints.

The columns of a built-in kind come from `grappe.api.printers`, those of a custom resource from
its definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import orjson

from grappe.api import Object
from grappe.api.errors import bad_request
from grappe.apiserver.registry.codec import decode
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.printing import Printed
from grappe.apiserver.registry.representation import Json, bookmark_metadata
from grappe.base.clock import Clock
from grappe.store.interface import Record

_INCLUDED = ("", "None", "Metadata", "Object")
_NO_COLUMNS = b'"columnDefinitions":null'
_ZERO: dict[str, Any] = {"integer": 0, "number": 0, "boolean": False, "date": None}
"""The cells of a bookmark, which is about no object, by their columns' types."""


def included(parameter: str) -> str:
    """What the rows bring of their objects, by the parameter `includeObject`; ApiError 400."""
    if parameter not in _INCLUDED:
        raise bad_request(
            "Unable to convert to Table as requested: includeObject: Invalid value: "
            f"\"{parameter}\": must be 'Metadata', 'Object', 'None', or empty"
        )
    return parameter or "Metadata"


def table(api_version: str, metadata: Object, columns: list[Object] | None) -> Object:
    """A Table without rows; `columns` None: the client knows them."""
    return {
        "kind": "Table",
        "apiVersion": api_version,
        "metadata": metadata,
        "columnDefinitions": columns,
    }


def row(api_version: str, include: str, cells: list[Any], obj: Object) -> Object:
    """One row, with as much of its object as is `included`."""
    found: Object = {"cells": cells}
    if include == "Object":
        found["object"] = obj
    elif include == "Metadata":
        found["object"] = {
            "kind": "PartialObjectMetadata",
            "apiVersion": api_version,
            "metadata": obj["metadata"],
        }
    return found


class Tabular(Json):
    """`meta.k8s.io` Table. Watchers share the events of a watch, which come without columns:
    each client gets them with the first."""

    parses = True

    def __init__(
        self, served: ServedResource, version: str, include_object: str, clock: Clock
    ) -> None:
        self._served = served
        self._api_version = f"meta.k8s.io/{version}"
        self._include = included(include_object)
        self._clock = clock
        self._printed = Printed(served)

    @cached_property
    def _columns(self) -> list[Object]:
        return self._printed.columns()

    def _row(self, record: Record) -> Object:
        obj = decode(self._served, record)
        printed = self._printed.source(record, obj)
        cells = self._printed.cells(printed, self._clock.now())
        found = row(self._api_version, self._include, cells, obj)
        if conditions := self._printed.conditions(printed):
            found["conditions"] = conditions
        return found

    def _single(self, record: Record, columns: list[Object] | None) -> bytes:
        metadata = {"resourceVersion": str(record.revision)}
        head = table(self._api_version, metadata, columns)
        return orjson.dumps({**head, "rows": [self._row(record)]})

    def one(self, record: Record) -> bytes:
        return self._single(record, self._columns)

    def arranged(self, records: Sequence[Record]) -> Sequence[Record]:
        return self._printed.arranged(records)

    def piece(self, records: Sequence[Record]) -> bytes:
        return orjson.dumps([self._row(record) for record in records])[1:-1]

    def whole(self, pieces: Sequence[bytes], metadata: Object) -> Sequence[bytes]:
        return self._list(table(self._api_version, metadata, self._columns), b"rows", pieces)

    def event(self, kind: str, record: Record) -> bytes:
        return self._line(kind, self._single(record, None))

    def opening(self, chunk: bytes) -> bytes:
        columns = b'"columnDefinitions":' + orjson.dumps(self._columns)
        return chunk.replace(_NO_COLUMNS, columns, 1)

    def bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        resource = self._served.resource
        whole = self._include == "Object"
        head = table(self._api_version, {"resourceVersion": str(revision)}, None)
        cells = [_ZERO.get(c["type"], "") for c in self._columns]
        found: Object = {"cells": cells}
        if self._include != "None" or initial_end:
            found["object"] = {
                "kind": resource.kind if whole else "PartialObjectMetadata",
                "apiVersion": resource.api_version if whole else self._api_version,
                "metadata": bookmark_metadata(revision, initial_end),
            }
        return self._line("BOOKMARK", orjson.dumps({**head, "rows": [found]}))
