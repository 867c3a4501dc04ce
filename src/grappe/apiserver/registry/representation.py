"""Records as the bytes of an answer: as they are, as a Table, or as metadata only.

One Representation serves a request (or a group of watchers): it says how one record, a list and
a watch event look.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import orjson

from grappe.api import Object
from grappe.apiserver.registry.codec import decode, encode
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.negotiation import Form
from grappe.base.clock import Clock
from grappe.store.interface import Record

SLICE = 128
"""Items for each slice of a long list's body."""


class Representation(Protocol):
    def one(self, record: Record) -> bytes:
        """A single object."""
        ...

    def many(self, records: Sequence[Record], metadata: Object) -> bytes | Sequence[bytes]:
        """A list with this list metadata, in slices when it is long."""
        ...

    def event(self, kind: str, record: Record) -> bytes:
        """One line of a watch."""
        ...


def event_line(kind: str, obj: bytes) -> bytes:
    return b'{"type":"' + kind.encode() + b'","object":' + obj + b"}\n"


def bookmark(served: ServedResource, revision: int, *, initial_end: bool = False) -> bytes:
    """The line that tells a watcher how far it has come."""
    metadata: Object = {"resourceVersion": str(revision), "creationTimestamp": None}
    if initial_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    return event_line("BOOKMARK", served.prefix + orjson.dumps({"metadata": metadata})[1:])


class Plain:
    """Objects as they are, by concatenation. Items of a list carry no kind and apiVersion,
    except custom resources, as in Kubernetes."""

    def __init__(self, served: ServedResource) -> None:
        self._served = served
        self._item_prefix = served.prefix if served.custom else b"{"

    def one(self, record: Record) -> bytes:
        return encode(self._served, record)

    def _items(self, records: Sequence[Record]) -> list[bytes]:
        """Each with what stands before it."""
        if self._served.from_storage is None:
            return [record.body for record in records]
        objects = [decode(self._served, record) for record in records]
        for obj in objects:
            del obj["kind"], obj["apiVersion"]
        return [orjson.dumps(obj)[1:] for obj in objects]

    def many(self, records: Sequence[Record], metadata: Object) -> bytes | Sequence[bytes]:
        resource = self._served.resource
        head = (
            f'{{"kind":"{resource.kind}List","apiVersion":"{resource.api_version}","metadata":'
        ).encode()
        head += orjson.dumps(metadata) + b',"items":['
        if not records:
            return head + b"]}"
        # Every byte is copied once: what stands around the items goes into the joins.
        prefix = self._item_prefix
        between = b"," + prefix
        before = head + prefix
        slices = []
        for start in range(0, len(records), SLICE):
            items = self._items(records[start : start + SLICE])
            items[0] = before + items[0]
            slices.append(between.join(items))
            before = between
        slices.append(b"]}")
        return slices

    def event(self, kind: str, record: Record) -> bytes:
        return event_line(kind, encode(self._served, record))


class MetadataOnly:
    """`PartialObjectMetadata` and its list."""

    def __init__(self, served: ServedResource, version: str) -> None:
        self._served = served
        self._api_version = f"meta.k8s.io/{version}"

    def _object(self, record: Record) -> Object:
        return {
            "kind": "PartialObjectMetadata",
            "apiVersion": self._api_version,
            "metadata": decode(self._served, record)["metadata"],
        }

    def one(self, record: Record) -> bytes:
        return orjson.dumps(self._object(record))

    def many(self, records: Sequence[Record], metadata: Object) -> bytes:
        return orjson.dumps(
            {
                "kind": "PartialObjectMetadataList",
                "apiVersion": self._api_version,
                "metadata": metadata,
                "items": [self._object(record) for record in records],
            }
        )

    def event(self, kind: str, record: Record) -> bytes:
        return event_line(kind, self.one(record))


def represent(
    served: ServedResource, form: Form, clock: Clock, include_object: str = ""
) -> Representation:
    """The representation a client asked for; `include_object` is that parameter of a Table
    (None, Metadata or Object), `clock` is what ages are told by."""
    if form.shape == "Table":
        from grappe.apiserver.registry.table import Tabular

        return Tabular(served, form.version, include_object or "Metadata", clock)
    if form.shape == "PartialObjectMetadata":
        return MetadataOnly(served, form.version)
    return Plain(served)
