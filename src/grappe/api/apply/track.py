"""Ownership after a write that is not an apply."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.apply.compare import compare
from grappe.api.apply.field_set import difference, union
from grappe.api.apply.managers import Ownership, decode, encode, entry, is_reset, key_of
from grappe.api.schema.interface import Schema

_EMPTY: Object = {"metadata": {}}


def track_update(
    old: Object | None,
    new: Object,
    *,
    manager: str,
    api_version: str,
    schema: Schema,
    now: str,
    subresource: str = "",
) -> None:
    """Set `new.metadata.managedFields` for a create (`old` is None), update or patch.

    The writer owns what it added or changed and everybody loses what it changed or removed. What
    `new` itself says in `managedFields` is honoured (an empty list forgets all ownership), except
    through a subresource. The writer's time changes only when it wrote a field. An object that
    nobody is said to own stays so until something is applied to it.
    """
    metadata = new["metadata"]
    asked = metadata.pop("managedFields", None)
    if old is None and asked is None:
        written = compare(schema.root, _EMPTY, new).written
        if written is not None:
            key = key_of(manager, "Update", api_version, subresource)
            metadata["managedFields"] = [entry(key, Ownership(written, api_version, now))]
        return
    before = _EMPTY if old is None else old
    kept = before["metadata"].get("managedFields")
    if subresource or asked is None:
        managed = decode(kept)
    elif is_reset(asked):
        managed = {}
    else:
        managed = decode(asked) or decode(kept)
    if old is not None and not managed:
        return
    managed = managed or {}
    written, removed = compare(schema.root, before, new)
    for key, owned in list(managed.items()):
        left = difference(difference(owned.fields, written), removed)
        if not left:
            del managed[key]
        elif left is not owned.fields:
            managed[key] = owned._replace(fields=left)
    if written is not None:
        key = key_of(manager, "Update", api_version, subresource)
        mine = managed.get(key)
        fields = union(mine.fields, written) if mine else written
        managed[key] = Ownership(fields or {}, api_version, now)
    if managed:
        metadata["managedFields"] = encode(managed)
