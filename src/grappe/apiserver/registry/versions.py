"""One object in another served version of its resource."""

from __future__ import annotations

from grappe.api import Object
from grappe.apiserver.registry.interface import ServedResource


async def in_version(obj: Object, source: ServedResource, target: ServedResource) -> Object:
    """`obj`, which is of `source`, as `target` shows it; ApiError 500 when its webhook fails.
    `obj` is left alone; what is returned may share parts with it."""
    if source is target:
        return obj
    if source.conversion is not None:
        return (await source.conversion.convert([obj], target.resource.api_version))[0]
    found = source.to_storage(obj) if source.to_storage is not None else obj
    if target.from_storage is not None:
        found = target.from_storage(found)
    return {**found, "apiVersion": target.resource.api_version, "kind": target.resource.kind}
