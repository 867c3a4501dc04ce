"""Records as the bytes of an answer: as they are, as a Table, or as metadata only.

One Representation serves a request (or a group of watchers): it says how one record, a list and
a watch event look.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import orjson

from grappe.api import Object
from grappe.apiserver.records import body_of
from grappe.apiserver.registry.codec import decode, encode
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.negotiation import Form
from grappe.base.clock import Clock
from grappe.store.interface import Record

SLICE = 128
"""Items for each piece of a long list's body."""


class Representation(Protocol):
    @property
    def parses(self) -> bool:
        """Whether records are parsed, so that a long list takes its time."""
        ...

    def one(self, record: Record) -> bytes:
        """A single object."""
        ...

    def arranged(self, records: Sequence[Record]) -> Sequence[Record]:
        """The records of a list in the order in which it shows them."""
        ...

    def piece(self, records: Sequence[Record]) -> bytes:
        """Some successive items of a list; at least one."""
        ...

    def whole(self, pieces: Sequence[bytes], metadata: Object) -> Sequence[bytes]:
        """A list with this list metadata, of all its pieces."""
        ...

    def event(self, kind: str, record: Record) -> bytes:
        """One event of a watch."""
        ...

    def opening(self, chunk: bytes) -> bytes:
        """The first events of a watch, with what only the first of them brings."""
        ...

    def bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        """The event that tells a watcher how far it has come."""
        ...

    def error(self, status: Object) -> bytes:
        """The event that ends a watch before its time."""
        ...


def many(
    shown: Representation, records: Sequence[Record], metadata: Object, size: int = SLICE
) -> Sequence[bytes]:
    """A whole list at once, in pieces of `size` items."""
    records = shown.arranged(records)
    starts = range(0, len(records), size)
    return shown.whole([shown.piece(records[start : start + size]) for start in starts], metadata)


def bookmark_metadata(revision: int, initial_end: bool) -> Object:
    """The metadata of a bookmark's object."""
    metadata: Object = {"resourceVersion": str(revision), "creationTimestamp": None}
    if initial_end:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    return metadata


class Unarranged:
    """What shows a list in the order of its keys, and every event of a watch alike."""

    def arranged(self, records: Sequence[Record]) -> Sequence[Record]:
        return records

    def opening(self, chunk: bytes) -> bytes:
        return chunk


class Json(Unarranged):
    """What every representation in JSON has in common."""

    def _list(self, head: Object, items: bytes, pieces: Sequence[bytes]) -> list[bytes]:
        """`head` with the pieces as the array `items`; nothing is copied."""
        found = [orjson.dumps(head)[:-1] + b',"' + items + b'":[']
        for piece in pieces:
            found += (piece, b",")
        if pieces:
            found.pop()
        found.append(b"]}")
        return found

    def _line(self, kind: str, obj: bytes) -> bytes:
        return b'{"type":"' + kind.encode() + b'","object":' + obj + b"}\n"

    def error(self, status: Object) -> bytes:
        return self._line("ERROR", orjson.dumps(status))


class Plain(Json):
    """Objects as they are, by concatenation. Items of a list carry no kind and apiVersion,
    except custom resources, as in Kubernetes."""

    def __init__(self, served: ServedResource) -> None:
        self._served = served
        self._item_prefix = served.prefix if served.custom else b"{"
        self.parses = served.from_storage is not None

    def one(self, record: Record) -> bytes:
        return encode(self._served, record)

    def _items(self, records: Sequence[Record]) -> list[bytes]:
        """Each with what stands before it."""
        if not self.parses:
            return [record.body for record in records]
        objects = [decode(self._served, record) for record in records]
        for obj in objects:
            del obj["kind"], obj["apiVersion"]
        return [orjson.dumps(obj)[1:] for obj in objects]

    def piece(self, records: Sequence[Record]) -> bytes:
        # Every byte is copied once: what stands before the items goes into the join.
        items = self._items(records)
        items[0] = self._item_prefix + items[0]
        return (b"," + self._item_prefix).join(items)

    def whole(self, pieces: Sequence[bytes], metadata: Object) -> Sequence[bytes]:
        resource = self._served.resource
        head = {
            "kind": f"{resource.kind}List",
            "apiVersion": resource.api_version,
            "metadata": metadata,
        }
        return self._list(head, b"items", pieces)

    def event(self, kind: str, record: Record) -> bytes:
        return self._line(kind, encode(self._served, record))

    def bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        obj = orjson.dumps({"metadata": bookmark_metadata(revision, initial_end)})
        return self._line("BOOKMARK", self._served.prefix + obj[1:])


class MetadataOnly(Json):
    """`PartialObjectMetadata` and its list."""

    parses = True

    def __init__(self, version: str) -> None:
        self._api_version = f"meta.k8s.io/{version}"

    def _object(self, metadata: Object) -> bytes:
        return orjson.dumps(
            {
                "kind": "PartialObjectMetadata",
                "apiVersion": self._api_version,
                "metadata": metadata,
            }
        )

    def one(self, record: Record) -> bytes:
        return self._object(body_of(record)["metadata"])

    def piece(self, records: Sequence[Record]) -> bytes:
        return b",".join([self.one(record) for record in records])

    def whole(self, pieces: Sequence[bytes], metadata: Object) -> Sequence[bytes]:
        head = {
            "kind": "PartialObjectMetadataList",
            "apiVersion": self._api_version,
            "metadata": metadata,
        }
        return self._list(head, b"items", pieces)

    def event(self, kind: str, record: Record) -> bytes:
        return self._line(kind, self.one(record))

    def bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        return self._line("BOOKMARK", self._object(bookmark_metadata(revision, initial_end)))


def represent(
    served: ServedResource, form: Form, clock: Clock, include_object: str = ""
) -> Representation:
    """The representation a client asked for; `include_object` is that parameter of a Table
    (None, Metadata or Object; ApiError 400), `clock` is what ages are told by."""
    if form.media == "protobuf":
        from grappe.apiserver.registry import protobuf_representation as protobuf

        return protobuf.Metadata(form.version) if form.shape else protobuf.Whole(served)
    if form.shape == "Table":
        from grappe.apiserver.registry.table import Tabular

        return Tabular(served, form.version, include_object, clock)
    if form.shape:
        return MetadataOnly(form.version)
    return _plain(served)


@lru_cache(maxsize=1_000)
def _plain(served: ServedResource) -> Plain:
    return Plain(served)
