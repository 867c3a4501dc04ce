"""Merging an applied configuration and settling who owns what."""

from __future__ import annotations

from collections.abc import Collection

from grappe.api import Object
from grappe.api.apply.compare import compare
from grappe.api.apply.conflicts import conflict_error
from grappe.api.apply.field_set import FieldSet, difference, equal, intersection, union
from grappe.api.apply.last_applied import MANAGER, last_applied, refresh, taken_over
from grappe.api.apply.managers import (
    BEFORE_FIRST_APPLY,
    ManagerKey,
    Ownership,
    all_fields,
    decode,
    encode,
    key_of,
)
from grappe.api.apply.merge import merge
from grappe.api.apply.ownership import applied as applied_fields
from grappe.api.apply.ownership import without_unowned
from grappe.api.apply.prune import prune
from grappe.api.errors import bad_request
from grappe.api.schema.interface import Schema
from grappe.api.schema.node import Node

_EMPTY: Object = {"metadata": {}}


def apply(
    live: Object | None,
    applied: Object,
    *,
    manager: str,
    api_version: str,
    schema: Schema,
    now: str,
    force: bool,
    subresource: str = "",
    reset_fields: Collection[tuple[str, ...]] = (),
) -> Object:
    """The object after `manager` applied `applied` to `live` (None: it does not exist yet).

    `applied` has been decoded; `reset_fields` are the paths this endpoint ignores (`("status",)`
    for a resource with a status subresource). Defaults are the caller's to fill in afterwards.
    Raises ApiError 409 with FieldManagerConflict causes unless `force`, and 400 for a
    configuration that cannot be applied.
    """
    _check(applied, api_version)
    configuration = _without_paths(applied, reset_fields)
    root = schema.root
    before = _EMPTY if live is None else live
    managed = decode(before["metadata"].get("managedFields")) or {}
    if live is not None and not managed:
        managed = _before_first_apply(root, live, api_version, now, subresource)
    me = key_of(manager, "Apply", api_version, subresource)
    last = managed.pop(me, None)

    merged: Object = merge(root, _unmanaged(before), configuration, "", _subject(applied))
    wanted = applied_fields(root)(configuration)
    # Whoever applies the same fields again, which is what most do, lets go of none.
    if last is not None and difference(last.fields, wanted) is not None:
        owned = union(wanted, all_fields(managed.values()))
        merged = prune(root, merged, last.fields, owned)
    written, removed = compare(root, before, merged)

    conflicts = _conflicts(managed, written)
    if conflicts and not force:
        if manager == MANAGER:
            conflicts = _unresolved(conflicts, taken_over(root, before, api_version))
        if conflicts:
            raise conflict_error(conflicts)
    managed = _after(managed, written, removed)

    fields = without_unowned(wanted)
    if fields is not None:
        changed = written is not None or removed is not None
        unchanged = last is not None and not changed and equal(last.fields, fields)
        time = last.time if last is not None and unchanged else now
        managed[me] = Ownership(fields, api_version, time)
    if manager == MANAGER and live is not None and last_applied(live) is not None:
        refresh(merged, configuration)
    metadata = dict(merged.get("metadata") or {})
    if managed:
        metadata["managedFields"] = encode(managed)
    merged["metadata"] = metadata
    return merged


def _before_first_apply(
    root: Node, live: Object, api_version: str, now: str, subresource: str
) -> dict[ManagerKey, Ownership]:
    """Who owns an object that nobody was said to own: a manager of its own, so that the first
    applier takes over nothing by accident. It is noted under the subresource of that apply."""
    written = compare(root, _EMPTY, live).written
    if written is None:
        return {}
    key = key_of(BEFORE_FIRST_APPLY, "Update", api_version, subresource)
    return {key: Ownership(written, api_version, now)}


def _check(applied: Object, api_version: str) -> None:
    found = applied.get("apiVersion", api_version)
    if found != api_version:
        raise bad_request(
            "Incorrect version specified in apply patch. "
            f"Specified patch version: {found}, expected: {api_version}"
        )
    metadata = applied.get("metadata")
    if isinstance(metadata, dict) and metadata.get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")


def _subject(applied: Object) -> str:
    metadata = applied.get("metadata") or {}
    place = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
    return f"{place}; {applied.get('apiVersion')}, Kind={applied.get('kind')}"


def _unmanaged(obj: Object) -> Object:
    metadata = {k: v for k, v in obj["metadata"].items() if k != "managedFields"}
    return {**obj, "metadata": metadata}


def _without_paths(obj: Object, paths: Collection[tuple[str, ...]]) -> Object:
    """A copy of `obj` without `paths`; what is not on a path is shared."""
    for path in paths:
        head, rest = path[0], path[1:]
        if head not in obj:
            continue
        if not rest:
            obj = {k: v for k, v in obj.items() if k != head}
        elif isinstance(obj[head], dict):
            obj = {**obj, head: _without_paths(obj[head], [rest])}
    return obj


def _conflicts(
    managed: dict[ManagerKey, Ownership], written: FieldSet | None
) -> dict[ManagerKey, FieldSet]:
    found: dict[ManagerKey, FieldSet] = {}
    for key, owned in managed.items():
        common = intersection(owned.fields, written)
        if common is not None:
            found[key] = common
    return found


def _unresolved(
    conflicts: dict[ManagerKey, FieldSet], allowed: FieldSet | None
) -> dict[ManagerKey, FieldSet]:
    left = {key: difference(fields, allowed) for key, fields in conflicts.items()}
    return {key: fields for key, fields in left.items() if fields is not None}


def _after(
    managed: dict[ManagerKey, Ownership], written: FieldSet | None, removed: FieldSet | None
) -> dict[ManagerKey, Ownership]:
    """The others' ownership without what was changed or removed."""
    found: dict[ManagerKey, Ownership] = {}
    for key, owned in managed.items():
        left = difference(difference(owned.fields, written), removed)
        if left:
            found[key] = owned._replace(fields=left)
    return found
