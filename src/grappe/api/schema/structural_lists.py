"""What `x-kubernetes-list-type`, `-list-map-keys` and `-map-type` ask of a structural schema."""

from __future__ import annotations

from collections.abc import Iterator

from grappe.api import Object, causes
from grappe.api.causes import forbidden, invalid, not_supported, required
from grappe.api.errors import Cause

_LIST, _KEYS, _MAP = "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type"
_IN_A_SET = "must be atomic as item of a list with x-kubernetes-list-type=set"


def topology_problems(schema: Object, path: str) -> Iterator[Cause]:
    """Of one node of a schema, not of those below it."""
    list_type, keys = schema.get(_LIST), schema.get(_KEYS) or []
    items = schema["items"] if isinstance(schema.get("items"), dict) else None
    if list_type is not None:
        yield from _of_type(schema, "array", _LIST, path)
        if list_type not in ("atomic", "set", "map"):
            yield not_supported(f"{path}.{_LIST}", list_type, ("atomic", "set", "map"))
        if list_type == "set" and schema.get("type") == "array" and items is not None:
            yield from _set_items(items, f"{path}.items")
    if schema.get(_MAP) is not None:
        yield from _of_type(schema, "object", _MAP, path)
        if schema[_MAP] not in ("atomic", "granular"):
            yield not_supported(f"{path}.{_MAP}", schema[_MAP], ("atomic", "granular"))
    if keys and list_type != "map":
        detail = f"must be map if {_KEYS} is non-empty"
        where = f"{path}.{_LIST}"
        yield required(where, detail) if list_type is None else invalid(where, list_type, detail)
    if list_type == "map":
        yield from _map(schema, items, keys, path)
    if list_type in ("set", "map") and items is not None and items.get("nullable"):
        detail = f"cannot be nullable when {_LIST} is {list_type}"
        yield forbidden(f"{path}.items.nullable", detail)
    if list_type == "map" and items is not None:
        yield from _key_values(items, keys, f"{path}.items.properties")


def _of_type(schema: Object, wanted: str, mark: str, path: str) -> Iterator[Cause]:
    found = schema.get("type") or ""
    if found != wanted:
        detail, where = f"must be {wanted} if {mark} is specified", f"{path}.type"
        yield invalid(where, found, detail) if found else required(where, detail)


def _set_items(items: Object, path: str) -> Iterator[Cause]:
    """Members of a set are compared as wholes. Lists are atomic unless they say otherwise, maps
    are not."""
    found = items.get(_LIST)
    if items.get("type") == "array" and found not in (None, "atomic"):
        yield invalid(f"{path}.{_LIST}", found, _IN_A_SET)
    if items.get("type") == "object" and items.get(_MAP) != "atomic":
        # The list type is what Kubernetes shows here.
        told = "null" if found is None else causes.quote(found)
        detail = f"Invalid value: {told}: {_IN_A_SET}"
        yield Cause(f"{path}.{_MAP}", "FieldValueInvalid", detail)


def _map(schema: Object, items: Object | None, keys: list[str], path: str) -> Iterator[Cause]:
    if not keys:
        yield required(f"{path}.{_KEYS}", f"must not be empty if {_LIST} is map")
    if schema.get("items") is None:
        yield required(f"{path}.items", f"must have a schema if {_LIST} is map")
    if items is None:
        return
    if items.get("type") != "object":
        detail = f"must be object if parent array's {_LIST} is map"
        yield invalid(f"{path}.items.type", items.get("type") or "", detail)
        return
    properties, seen = items.get("properties") or {}, set()
    for key in keys:
        child = properties.get(key)
        if not isinstance(child, dict):
            detail = "entries must all be names of item properties"
            yield invalid(f"{path}.{_KEYS}", keys, detail)
        elif child.get("type") in ("array", "object"):
            detail = f"must be a scalar type if parent array's {_LIST} is map"
            yield invalid(f"{path}.items.properties[{key}].type", child["type"], detail)
        if key in seen:
            yield invalid(f"{path}.{_KEYS}", keys, "must not contain duplicate entries")
        seen.add(key)


def _key_values(items: Object, keys: list[str], path: str) -> Iterator[Cause]:
    """Each entry of a map has a value for each key."""
    properties = items.get("properties") or {}
    for key in keys:
        child, why = properties.get(key), f"this property is in {_KEYS}, so it"
        if not isinstance(child, dict):
            continue
        if key not in (items.get("required") or ()) and child.get("default") is None:
            detail = f"{why} must have a default or be a required property"
            yield required(f"{path}[{key}].default", detail)
        if child.get("nullable"):
            yield forbidden(f"{path}[{key}].nullable", f"{why} cannot be nullable")
