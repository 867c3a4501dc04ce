"""Writing an object's status: only what changed, and nothing when nothing did."""

from __future__ import annotations

from collections.abc import Collection

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import Resource
from grappe.client.interface import Client


def without_zeros(status: Object, keep: Collection[str] = ()) -> Object:
    """Leave out counts of 0, empty lists and None, as Kubernetes' `omitempty` fields."""
    return {key: value for key, value in status.items() if value or key in keep}


def status_patch(old: Object | None, new: Object) -> Object:
    """The merge patch (RFC 7386) that turns a status into another; empty when they are equal."""
    known = old or {}
    patch: Object = {key: None for key in known if key not in new}
    for key, value in new.items():
        before = known.get(key)
        if before == value and key in known:
            continue
        both = isinstance(before, dict) and isinstance(value, dict)
        patch[key] = status_patch(before, value) if both else value
    return patch


async def write_status(
    client: Client,
    resource: Resource,
    obj: Object,
    status: Object,
    *,
    at_revision: bool = False,
) -> Object | None:
    """Give `obj` this status. Returns the answer; None when nothing had to be written, or the
    object is gone or another one by now (`at_revision`: or has changed at all)."""
    patch = status_patch(obj.get("status"), status)
    if not patch:
        return None
    meta = obj["metadata"]
    bound = {"uid": meta["uid"]}
    if at_revision:
        bound["resourceVersion"] = meta["resourceVersion"]
    body = {"metadata": bound, "status": patch}
    try:
        return await client.patch(
            resource, meta["name"], body, meta.get("namespace"), subresource="status"
        )
    except ApiError as error:
        if error.code in (404, 409):
            return None
        raise
