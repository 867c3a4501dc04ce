"""JSON merge patch (RFC 7386), `application/merge-patch+json`."""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.copying import copied
from grappe.api.errors import bad_request


def merge_patch(doc: Object, patch: Any) -> Object:
    """`doc` with `patch` merged in: null removes a member, objects merge, all else replaces.
    The result shares nothing with the patch, which may be applied again.

    Raises ApiError 400 when the patch is not an object (it could not give an API object).
    """
    if not isinstance(patch, dict):
        raise bad_request("invalid JSON Patch")
    return _merge(doc, patch)


def _merge(target: Any, patch: dict[str, Any]) -> dict[str, Any]:
    merged = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = _merge(merged.get(key), value)
        else:
            merged[key] = copied(value)
    return merged
