"""From values to field sets: everything a write added, and what a configuration applies.

Compiled once for each schema node; see `field_set` for the form.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from grappe.api.apply.elements import list_element
from grappe.api.apply.field_set import LEAF, SELF, FieldSet
from grappe.api.schema.node import Node

Builder: TypeAlias = Callable[[Any], FieldSet]

UNOWNED_ROOT = frozenset({"apiVersion", "kind"})
UNOWNED_METADATA = frozenset(
    {
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    }
)
"""Nobody owns what names an object or what the server alone writes."""


def everything(node: Node) -> Builder:
    """What is owned of a value that is wholly new: every field, and each map and list too."""
    found: Builder | None = node.compiled.get("everything")
    if found is None:
        found = node.compiled["everything"] = _compile(node, applied=False)
    return found


def applied(node: Node) -> Builder:
    """What is owned of a value that was applied: every leaf and each entry of a map or list,
    but not the fields that merely hold them."""
    found: Builder | None = node.compiled.get("applied")
    if found is None:
        found = node.compiled["applied"] = _compile(node, applied=True)
    return found


def leaf(value: Any) -> FieldSet:
    """What is owned of an atomic value: the value as a whole."""
    return LEAF


def _compile(node: Node, *, applied: bool) -> Builder:
    if node.atomic:
        return leaf
    if node.type == "array":
        return _list_builder(node, applied)
    values = node.values
    if not applied and not node.properties and values is not None and values.atomic:
        return _all_entries
    return _map_builder(node, applied)


def _all_entries(value: Any) -> FieldSet:
    """Of a map of atomic values, such as labels."""
    if value.__class__ is not dict or not value:
        return LEAF
    return {SELF: LEAF, **{f"f:{key}": LEAF for key in value}}


def _map_builder(node: Node, is_applied: bool) -> Builder:
    """Fields of a struct, entries of a map, or both; what the schema does not know is taken as
    free-form."""
    compiled = applied if is_applied else everything
    named = node.properties
    table: dict[str, tuple[str, Builder]] = {}

    def entry(key: str) -> tuple[str, Builder]:
        child = node.child(key)
        build = leaf if child is None else compiled(child)
        found = (f"f:{key}", build)
        if key in named:
            table[key] = found
        return found

    def build(value: Any) -> FieldSet:
        if value.__class__ is not dict or not value:
            return LEAF
        out: FieldSet = {} if is_applied else {SELF: LEAF}
        for key, inner in value.items():
            name, build_inner = table.get(key) or entry(key)
            found = LEAF if build_inner is leaf else build_inner(inner)
            if is_applied:
                if key not in named:
                    if found and SELF not in found:
                        found = {SELF: LEAF, **found}
                elif inner == [] and build_inner is not leaf:
                    continue  # an empty list has no entries to own
            out[name] = found
        return out

    return build


def _list_builder(node: Node, is_applied: bool) -> Builder:
    compiled = applied if is_applied else everything

    def build(value: Any) -> FieldSet:
        if value.__class__ is not list or not value:
            return LEAF
        build_inner = compiled(node.items)
        out: FieldSet = {} if is_applied else {SELF: LEAF}
        for item in value:
            element = list_element(node, item)
            if element is None or element in out:
                continue
            found = build_inner(item)
            if is_applied and found and SELF not in found:
                found = {SELF: LEAF, **found}
            out[element] = found
        return out or LEAF

    return build


def without_unowned(fields: FieldSet | None) -> FieldSet | None:
    """A set without the fields nobody owns."""
    if fields is None:
        return None
    kept = {k: v for k, v in fields.items() if k[2:] not in UNOWNED_ROOT and k != "f:metadata"}
    metadata = fields.get("f:metadata")
    if metadata:
        inner = {k: v for k, v in metadata.items() if k != SELF and k[2:] not in UNOWNED_METADATA}
        if inner:
            kept["f:metadata"] = inner
    return kept or None
