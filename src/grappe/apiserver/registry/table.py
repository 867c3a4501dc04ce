"""Objects as rows of a Table: what `kubectl get` prints.

The columns of a built-in kind come from `grappe.api.printers`, those of a custom resource from
its definition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from grappe.api import Object
from grappe.apiserver.registry.codec import decode
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.printing import cells_of, columns_of
from grappe.apiserver.registry.representation import event_line
from grappe.base.clock import Clock
from grappe.store.interface import Record


class Tabular:
    """`meta.k8s.io` Table. Every event of a watch brings the columns with its row, so that
    watchers can share it."""

    def __init__(
        self, served: ServedResource, version: str, include_object: str, clock: Clock
    ) -> None:
        self._served = served
        self._api_version = f"meta.k8s.io/{version}"
        self._include = include_object
        self._clock = clock

    def _row(self, record: Record) -> Object:
        obj = decode(self._served, record)
        row: Object = {"cells": cells_of(self._served, obj, self._clock.now())}
        if self._include == "Object":
            row["object"] = obj
        elif self._include == "Metadata":
            row["object"] = {
                "kind": "PartialObjectMetadata",
                "apiVersion": self._api_version,
                "metadata": obj["metadata"],
            }
        return row

    def _table(self, records: Sequence[Record], metadata: Object) -> bytes:
        table: dict[str, Any] = {
            "kind": "Table",
            "apiVersion": self._api_version,
            "metadata": metadata,
            "columnDefinitions": columns_of(self._served),
            "rows": [self._row(record) for record in records],
        }
        return orjson.dumps(table)

    def one(self, record: Record) -> bytes:
        return self._table([record], {"resourceVersion": str(record.revision)})

    def many(self, records: Sequence[Record], metadata: Object) -> bytes:
        return self._table(records, metadata)

    def event(self, kind: str, record: Record) -> bytes:
        return event_line(kind, self.one(record))
