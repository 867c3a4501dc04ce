"""Records as protobuf: parsed and encoded when first asked for, and then kept for a while."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from grappe.api import Object
from grappe.api.protobuf.encode import (
    Encoder,
    encode,
    envelope,
    list_ends,
    list_item,
    list_tags,
    object_encoder,
    watch_frame,
)
from grappe.apiserver.records import body_of
from grappe.apiserver.registry.codec import decode
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.representation import Unarranged, bookmark_metadata
from grappe.store.interface import Record

_KEPT_BYTES = 8 * 1024 * 1024


class Kept:
    """Encoded records, the oldest of which are forgotten beyond `limit` bytes: what one watcher
    has been told another will be, and informers list the same again.

    Records are told apart by being the same object, of which the entry holds on to one.
    """

    def __init__(self, limit: int = _KEPT_BYTES) -> None:
        self._limit = limit
        self._entries: dict[tuple[int, int], tuple[Record, Encoder, bytes]] = {}
        self.size = 0

    def get(self, record: Record, encoder: Encoder) -> bytes | None:
        """The record as `encoder` has encoded it."""
        found = self._entries.get((id(record), id(encoder)))
        return found[2] if found is not None else None

    def put(self, record: Record, encoder: Encoder, raw: bytes) -> None:
        self._entries[id(record), id(encoder)] = (record, encoder, raw)
        self.size += _weight(record, raw)
        while self.size > self._limit:
            oldest = self._entries.pop(next(iter(self._entries)))
            self.size -= _weight(oldest[0], oldest[2])


def _weight(record: Record, raw: bytes) -> int:
    """What an entry costs, the record itself included: it may live on for it alone."""
    return len(raw) + len(record.body) + 400


_kept = Kept()


class _Protobuf(Unarranged):
    """What objects and metadata alone have in common."""

    parses = True

    def __init__(self, api_version: str, kind: str, encoder: Encoder) -> None:
        self._api_version = api_version
        self._list_kind = f"{kind}List"
        self._encoder = encoder
        self._envelope = partial(envelope, api_version, kind)
        self._item_tag = list_tags(api_version, self._list_kind)[1]

    def _object(self, record: Record) -> Object:
        raise NotImplementedError

    def _raw(self, record: Record) -> bytes:
        raw = _kept.get(record, self._encoder)
        if raw is None:
            raw = self._encoder(self._object(record))
            _kept.put(record, self._encoder, raw)
        return raw

    def one(self, record: Record) -> bytes:
        return self._envelope(self._raw(record))

    def piece(self, records: Sequence[Record]) -> bytes:
        return b"".join([list_item(self._item_tag, self._raw(record)) for record in records])

    def whole(self, pieces: Sequence[bytes], metadata: Object) -> Sequence[bytes]:
        size = sum(map(len, pieces))
        before, after = list_ends(self._api_version, self._list_kind, metadata, size)
        return [before, *pieces, after]

    def event(self, kind: str, record: Record) -> bytes:
        return watch_frame(kind, self.one(record))

    def bookmark(self, revision: int, *, initial_end: bool = False) -> bytes:
        raw = self._encoder({"metadata": bookmark_metadata(revision, initial_end)})
        return watch_frame("BOOKMARK", self._envelope(raw))

    def error(self, status: Object) -> bytes:
        return watch_frame("ERROR", encode(status))


class Whole(_Protobuf):
    """Objects of a built-in kind."""

    def __init__(self, served: ServedResource) -> None:
        resource = served.resource
        encoder = object_encoder(resource.api_version, resource.kind)
        super().__init__(resource.api_version, resource.kind, encoder)
        self._served = served

    def _object(self, record: Record) -> Object:
        return body_of(record) if self._served.from_storage is None else decode(
            self._served, record
        )  # fmt: skip


class Metadata(_Protobuf):
    """`PartialObjectMetadata` and its list, of any kind."""

    def __init__(self, version: str) -> None:
        encoder = object_encoder("meta.k8s.io/v1", "PartialObjectMetadata")
        super().__init__(f"meta.k8s.io/{version}", "PartialObjectMetadata", encoder)

    def _object(self, record: Record) -> Object:
        return {"metadata": body_of(record)["metadata"]}
