"""Objects as rows of a Table: what `kubectl get` prints.

The columns of a built-in kind come from `grappe.api.printers`, those of a custom resource from
its definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from grappe.api import Object
from grappe.api.errors import bad_request
from grappe.apiserver.registry.codec import decode
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.printing import cells_of, columns_of, row_conditions_of
from grappe.apiserver.registry.representation import Json, bookmark_metadata
from grappe.base.clock import Clock
from grappe.store.interface import Record

_INCLUDED = ("", "None", "Metadata", "Object")
_ZERO: dict[str, Any] = {"integer": 0, "number": 0, "boolean": False, "date": None}
"""The cells of a bookmark, which is about no object, by their columns' types."""


class Tabular(Json):
    """`meta.k8s.io` Table. Every event of a watch brings the columns with its row, so that
    watchers can share it."""

    parses = True

    def __init__(
        self, served: ServedResource, version: str, include_object: str, clock: Clock
    ) -> None:
        self._served = served
        self._api_version = f"meta.k8s.io/{version}"
        if include_object not in _INCLUDED:
            raise bad_request(
                "Unable to convert to Table as requested: includeObject: Invalid value: "
                f"\"{include_object}\": must be 'Metadata', 'Object', 'None', or empty"
            )
        self._include = include_object or "Metadata"
        self._clock = clock

    def _row(self, obj: Object) -> Object:
        row: Object = {"cells": cells_of(self._served, obj, self._clock.now())}
        if conditions := row_conditions_of(self._served, obj):
            row["conditions"] = conditions
        if self._include == "Object":
            row["object"] = obj
        elif self._include == "Metadata":
            row["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": self._api_version,
                "metadata": obj["metadata"],
            }
        return row

    def _head(self, metadata: Object) -> Object:
        return {
            "kind": "Table",
            "apiVersion": self._api_version,
            "metadata": metadata,
            "columnDefinitions": columns_of(self._served),
        }

    def _table(self, obj: Object, metadata: Object) -> bytes:
        return orjson.dumps({**self._head(metadata), "rows": [self._row(obj)]})

    def one(self, record: Record) -> bytes:
        metadata = {"resourceVersion": str(record.revision)}
        return self._table(decode(self._served, record), metadata)

    def piece(self, records: Sequence[Record]) -> bytes:
        rows = [self._row(decode(self._served, record)) for record in records]
        return orjson.dumps(rows)[1:-1]

    def whole(self, pieces: Sequence[bytes], metadata: Object) -> Sequence[bytes]:
        return self._list(self._head(metadata), b"rows", pieces)

    def event(self, kind: str, record: Record) -> bytes:
        return self._line(kind, self.one(record))

    def bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        resource = self._served.resource
        whole = self._include == "Object"
        head = self._head({"resourceVersion": str(revision)})
        row: Object = {"cells": [_ZERO.get(c["type"], "") for c in head["columnDefinitions"]]}
        if self._include != "None" or initial_end:
            row["object"] = {
                "kind": resource.kind if whole else "PartialObjectMetadata",
                "apiVersion": resource.api_version if whole else self._api_version,
                "metadata": bookmark_metadata(revision, initial_end),
            }
        return self._line("BOOKMARK", orjson.dumps({**head, "rows": [row]}))
