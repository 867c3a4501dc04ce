"""`metadata.managedFields`: reading, writing, ordering and bounding its entries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from grappe.api import Object
from grappe.api.apply.field_set import FieldSet, union

MAX_UPDATE_MANAGERS = 10
ANCIENT = "ancient-changes"
BEFORE_FIRST_APPLY = "before-first-apply"


class ManagerKey(NamedTuple):
    """Who: one entry for each. `api_version` is empty for appliers, who keep one entry however
    the version changes."""

    manager: str
    operation: str
    api_version: str
    subresource: str

    def __str__(self) -> str:
        """As conflict messages name it."""
        told = f'"{self.manager}"'
        if self.subresource:
            told += f' with subresource "{self.subresource}"'
        return f"{told} using {self.api_version}" if self.operation == "Update" else told


class Ownership(NamedTuple):
    """What: the fields of one manager. `time` may be empty."""

    fields: FieldSet
    api_version: str
    time: str


def key_of(manager: str, operation: str, api_version: str, subresource: str) -> ManagerKey:
    version = api_version if operation == "Update" else ""
    return ManagerKey(manager, operation, version, subresource)


def decode(entries: Any) -> dict[ManagerKey, Ownership] | None:
    """The entries of a `managedFields` list; None when they are not well formed."""
    found: dict[ManagerKey, Ownership] = {}
    if not isinstance(entries, list):
        return found if entries is None else None
    for entry in entries:
        if not isinstance(entry, dict):
            return None
        operation, version = entry.get("operation"), entry.get("apiVersion")
        fields = entry.get("fieldsV1")
        fields = {} if fields is None else fields
        if operation not in ("Apply", "Update") or not isinstance(version, str) or not version:
            return None
        if entry.get("fieldsType") != "FieldsV1" or not _well_formed(fields):
            return None
        key = key_of(
            str(entry.get("manager") or ""), operation, version, str(entry.get("subresource") or "")
        )
        found[key] = Ownership(fields, version, str(entry.get("time") or ""))
    return found


def _well_formed(fields: Any) -> bool:
    if not isinstance(fields, dict):
        return False
    for key, inner in fields.items():
        if key != "." and key[1:2] != ":":
            return False
        if inner != {} and not _well_formed(inner):
            return False
    return True


def is_reset(entries: Any) -> bool:
    """Whether a writer asks to forget all ownership: an empty list, or one empty entry."""
    return isinstance(entries, list) and (not entries or entries == [{}])


def encode(managed: dict[ManagerKey, Ownership]) -> list[Object]:
    """The list to store: appliers first, then by time, manager, version and subresource."""
    if len(managed) > MAX_UPDATE_MANAGERS:
        managed = _bounded(managed)
    ordered = sorted(
        managed.items(),
        key=lambda kv: (
            *(kv[0].operation, kv[1].time, kv[0].manager),
            *(kv[1].api_version, kv[0].subresource),
        ),
    )
    return [entry(key, owned) for key, owned in ordered]


def entry(key: ManagerKey, owned: Ownership) -> Object:
    """One entry of the list to store."""
    told: Object = {
        "manager": key.manager,
        "operation": key.operation,
        "apiVersion": owned.api_version,
    }
    if owned.time:
        told["time"] = owned.time
    told["fieldsType"] = "FieldsV1"
    told["fieldsV1"] = owned.fields
    if key.subresource:
        told["subresource"] = key.subresource
    return told


def _bounded(managed: dict[ManagerKey, Ownership]) -> dict[ManagerKey, Ownership]:
    """At most ten updaters: the oldest of a version are put together as `ancient-changes`."""
    kept = dict(managed)
    updaters = sorted(
        (k for k in managed if k.operation == "Update"), key=lambda k: (managed[k].time, *k)
    )
    excess = len(updaters) - MAX_UPDATE_MANAGERS
    first: dict[str, ManagerKey] = {}
    for key in updaters:
        if excess <= 0:
            break
        version = key.api_version
        bucket = ManagerKey(ANCIENT, "Update", version, "")
        if version not in first:
            first[version] = key
            continue
        if bucket not in kept:
            kept[bucket] = kept.pop(first[version])
        if key == bucket:
            continue
        old = kept.pop(key)
        together = union(kept[bucket].fields, old.fields) or {}
        kept[bucket] = Ownership(together, version, old.time)
        excess -= 1
    return kept


def all_fields(owners: Iterable[Ownership]) -> FieldSet | None:
    """What anybody owns."""
    found: FieldSet | None = None
    for owned in owners:
        found = union(found, owned.fields)
    return found
