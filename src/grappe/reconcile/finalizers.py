"""Finalizers: what must happen before an object may go.

https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/
"""

from __future__ import annotations

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import Resource
from grappe.client.interface import Client

_ATTEMPTS = 5


def has(obj: Object, finalizer: str) -> bool:
    return finalizer in (obj["metadata"].get("finalizers") or ())


async def add(client: Client, resource: Resource, obj: Object, finalizer: str) -> Object:
    """Make sure the object carries the finalizer; the newest object is returned."""
    return await _edit(client, resource, obj, finalizer, present=True)


async def remove(client: Client, resource: Resource, obj: Object, finalizer: str) -> Object | None:
    """Take the finalizer off; None when the object is gone altogether."""
    try:
        return await _edit(client, resource, obj, finalizer, present=False)
    except ApiError as error:
        if error.code == 404:
            return None
        raise


async def _edit(
    client: Client, resource: Resource, obj: Object, finalizer: str, *, present: bool
) -> Object:
    """The whole list is written, bound to the revision it was read at, so that a finalizer another
    controller adds or takes off meanwhile is never undone."""
    for attempt in range(_ATTEMPTS):
        meta = obj["metadata"]
        finalizers = [f for f in meta.get("finalizers") or () if f != finalizer]
        if present == (finalizer in (meta.get("finalizers") or ())):
            return obj
        if present:
            finalizers.append(finalizer)
        patch = {
            "metadata": {
                "finalizers": finalizers or None,
                "resourceVersion": meta["resourceVersion"],
                "uid": meta["uid"],
            }
        }
        try:
            return await client.patch(resource, meta["name"], patch, meta.get("namespace"))
        except ApiError as error:
            if error.reason != "Conflict" or attempt == _ATTEMPTS - 1:
                raise
        newest = await client.get(resource, meta["name"], meta.get("namespace"))
        if newest["metadata"]["uid"] != meta["uid"]:
            raise ApiError(404, "NotFound", f"{resource.qualified} {meta['name']} was replaced")
        obj = newest
    raise AssertionError("unreachable")
