"""One object in another version of its resource: stored, shown, or as a webhook wants to see it.

Most conversions are functions, or none at all. Where a webhook converts, its answer is waited for.
"""

from __future__ import annotations

from collections.abc import Sequence

from grappe.api import Object
from grappe.apiserver.registry.codec import stored_form
from grappe.apiserver.registry.interface import ServedResource
from grappe.store.interface import Record


async def to_storage(served: ServedResource, obj: Object) -> Object:
    """`obj` in the form of the storage version; the same object when the form is the same.
    ApiError 500 when a webhook fails."""
    if served.conversion is None:
        return stored_form(served, obj)
    return (await served.conversion.convert([obj], served.storage_version))[0]


async def shown(served: ServedResource, record: Record) -> Record:
    """The record as one that `decode` and all representations can read; ApiError 500 when a
    webhook fails."""
    if served.conversion is None:
        return record
    return (await served.conversion.view(served, [record]))[0]


async def all_shown(served: ServedResource, records: Sequence[Record]) -> Sequence[Record]:
    if served.conversion is None:
        return records
    return await served.conversion.view(served, records)


async def in_version(obj: Object, source: ServedResource, target: ServedResource) -> Object:
    """`obj`, which is of `source`, as `target` shows it; ApiError 500 when a webhook fails.
    `obj` is left alone; what is returned may share parts with it."""
    if source is target:
        return obj
    if source.conversion is not None:
        return (await source.conversion.convert([obj], target.resource.api_version))[0]
    found = source.to_storage(obj) if source.to_storage is not None else obj
    if target.from_storage is not None:
        found = target.from_storage(found)
    return {**found, "apiVersion": target.resource.api_version, "kind": target.resource.kind}
