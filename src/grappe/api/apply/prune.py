"""Removing what a manager applied before and applies no longer, and nobody else owns."""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.apply.elements import list_element
from grappe.api.apply.field_set import LEAF, SELF, FieldSet, difference, is_member
from grappe.api.schema.node import Node

_GONE = object()


def prune(root: Node, merged: Object, last: FieldSet, owned: FieldSet | None) -> Object:
    """`merged` without the members of `last` that are not in `owned`.

    Named fields that hold members count as members themselves, so that a struct goes with the
    last of its fields that was owned.
    """
    excess = difference(with_named_fields(root, last), with_named_fields(root, owned))
    if excess is None:
        return merged
    pruned = _without(root, merged, excess)
    return pruned if isinstance(pruned, dict) else {}


def with_named_fields(node: Node, fields: FieldSet | None) -> FieldSet | None:
    """The set with every named field on the way to a member made a member; entries of maps and
    lists are members only when they were."""
    if not fields:
        return fields
    out: FieldSet = {}
    for key, inner in fields.items():
        if key == SELF:
            out[key] = inner
            continue
        if key.startswith("f:"):
            child = node.child(key[2:])
            named = key[2:] in node.properties
        else:
            child = node.items if node.type == "array" else None
            named = False
        deeper = inner if child is None else (with_named_fields(child, inner) or LEAF)
        if named and deeper and SELF not in deeper:
            deeper = {SELF: LEAF, **deeper}
        out[key] = deeper
    return out


def _without(node: Node, value: Any, excess: FieldSet) -> Any:
    """The value without the members of `excess`; `_GONE` when nothing is left."""
    if isinstance(value, dict) and node.type != "array":
        kept: Any = {}
        for key, inner in value.items():
            gone = excess.get(f"f:{key}")
            if gone is None:
                kept[key] = inner
                continue
            if is_member(gone):
                continue
            child = node.child(key)
            left = inner if child is None else _without(child, inner, gone)
            if left is not _GONE:
                kept[key] = left
        return kept if kept or not value else _GONE
    if isinstance(value, list) and node.type == "array" and not node.atomic:
        kept = []
        for item in value:
            element = list_element(node, item)
            gone = excess.get(element) if element is not None else None
            if gone is None:
                kept.append(item)
            elif not is_member(gone):
                left = _without(node.items, item, gone)
                if left is not _GONE:
                    kept.append(left)
        return kept if kept or not value else _GONE
    return value
