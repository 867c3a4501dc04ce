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
    """Whether the object waits for that finalizer before it may go."""
    return finalizer in (obj["metadata"].get("finalizers") or ())


async def remove(client: Client, resource: Resource, obj: Object, finalizer: str) -> Object | None:
    """Take the finalizer off; the newest object, None when it is gone altogether."""
    try:
        return await _without(client, resource, obj, finalizer)
    except ApiError as error:
        if error.code == 404:
            return None
        raise


async def _without(client: Client, resource: Resource, obj: Object, finalizer: str) -> Object:
    """The whole list is written, bound to the revision it was read at, so that a finalizer another
    controller adds or takes off meanwhile is never undone."""
    meta = obj["metadata"]
    for attempts_left in reversed(range(_ATTEMPTS)):
        if not has(obj, finalizer):
            break
        patch = {
            "metadata": {
                "finalizers": [f for f in obj["metadata"]["finalizers"] if f != finalizer] or None,
                "resourceVersion": obj["metadata"]["resourceVersion"],
                "uid": meta["uid"],
            }
        }
        try:
            return await client.patch(resource, meta["name"], patch, meta.get("namespace"))
        except ApiError as error:
            if error.reason != "Conflict" or not attempts_left:
                raise
        obj = await client.get(resource, meta["name"], meta.get("namespace"))
        if obj["metadata"]["uid"] != meta["uid"]:
            raise ApiError(404, "NotFound", f"{resource.qualified} {meta['name']} was replaced")
    return obj
