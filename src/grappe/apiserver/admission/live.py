"""The live objects admission decides by, decoded once for each of their revisions."""

from __future__ import annotations

from collections.abc import Iterator

from grappe.api import Object
from grappe.api.resources import Resource
from grappe.apiserver.records import body_of
from grappe.store.interface import Record, Store

_REMEMBERED = 2_000


class Live:
    """Reads the store. What it returns is shared: never change it."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._decoded: dict[tuple[str, str], tuple[Record, Object]] = {}

    def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """The committed object; None when there is none."""
        key = f"{namespace}/{name}" if resource.namespaced else name
        record = self.store.get(resource.bucket, key)
        return None if record is None else self._decode(resource.bucket, record)

    def list(self, resource: Resource, namespace: str = "") -> Iterator[Object]:
        """The committed objects of a namespace, or all of them."""
        if not self.store.count(resource.bucket):
            return
        prefix = f"{namespace}/" if namespace else ""
        for record in self.store.list(resource.bucket, prefix):
            yield self._decode(resource.bucket, record)

    def scan(self, resource: Resource, namespace: str) -> Iterator[Object]:
        """As `list`, of what may be many: nothing of it is remembered."""
        for record in self.store.list(resource.bucket, f"{namespace}/"):
            yield body_of(record)

    def _decode(self, bucket: str, record: Record) -> Object:
        place = (bucket, record.key)
        known = self._decoded.get(place)
        if known is not None and known[0] is record:
            return known[1]
        obj = body_of(record)
        if len(self._decoded) >= _REMEMBERED:
            self._decoded.clear()
        self._decoded[place] = (record, obj)
        return obj
