"""How much of each quota resource a namespace uses at this moment."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from grappe.api import Object
from grappe.api.resources import Resource, builtin
from grappe.apiserver.admission.pod_amounts import Amounts, add
from grappe.apiserver.admission.quota_usage import Facts, facts, in_scope
from grappe.apiserver.records import body_of
from grappe.store.interface import Record, Store

_REMEMBERED = 20_000


class QuotaCounter:
    """Counts objects as they are stored, and those of writes under way as they will be. An object
    is read once for each of its revisions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._under_way: set[tuple[str, str]] = set()
        self._known: dict[tuple[str, str], tuple[Record, Facts]] = {}

    def admitted(self, bucket: str, key: str) -> None:
        """A write of this object follows in this turn of the loop: its newest state counts from
        then on, committed or not."""
        self._under_way.add((bucket, key))

    def used(self, namespace: str, quota: Object, names: Iterable[str]) -> Amounts:
        """What the objects in the quota's scopes use of `names`; what nothing uses is left out."""
        wanted = frozenset(names)
        resources = {found.bucket: found for found in map(resource_of, wanted)}
        return add(
            {k: v for k, v in found.used.items() if k in wanted}
            for resource in resources.values()
            for found in self._present(resource, namespace)
            if in_scope(quota, found)
        )

    def _present(self, resource: Resource, namespace: str) -> Iterator[Facts]:
        prefix = f"{namespace}/"
        newer = self._newer(resource.bucket, prefix)
        for record in self._store.list(resource.bucket, prefix):
            yield self._facts_of(resource, newer.pop(record.key, record))
        for record in newer.values():
            yield self._facts_of(resource, record)

    def _newer(self, bucket: str, prefix: str) -> dict[str, Record]:
        """What writes under way make of objects, by key; those that are done are forgotten."""
        found: dict[str, Record] = {}
        for place in tuple(self._under_way):
            newest = self._store.latest(*place)
            stored = self._store.get(*place)
            if newest is None or (stored is not None and stored.revision == newest.revision):
                self._under_way.discard(place)
            elif place[0] == bucket and place[1].startswith(prefix):
                found[place[1]] = newest
        return found

    def _facts_of(self, resource: Resource, record: Record) -> Facts:
        place = (resource.bucket, record.key)
        known = self._known.get(place)
        if known is not None and known[0] is record:
            return known[1]
        found = facts(resource, body_of(record))
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[place] = (record, found)
        return found


def resource_of(name: str) -> Resource:
    """The resource whose objects use the quota resource `name`."""
    plural, group = "pods", ""
    if name.startswith("count/"):
        plural, _, group = name.removeprefix("count/").partition(".")
    elif name.endswith(("persistentvolumeclaims", "requests.storage")):
        plural = "persistentvolumeclaims"
    elif name.startswith("services"):
        plural = "services"
    elif name in ("configmaps", "replicationcontrollers", "resourcequotas", "secrets"):
        plural = name
    return builtin(group, "v1", plural) or Resource(group, "", plural, "")
