"""What a write changed, as field sets.

A field that only the new object has is added, one that only the old has is removed, a leaf that
differs is modified; containers are added or removed with what they hold. Order within lists that
are sets or maps is no change.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

from grappe.api import Object
from grappe.api.apply.elements import index_list
from grappe.api.apply.field_set import LEAF, SELF, FieldSet
from grappe.api.apply.ownership import (
    UNOWNED_METADATA,
    UNOWNED_ROOT,
    Builder,
    everything,
    leaf,
)
from grappe.api.apply.zero import zero_fields
from grappe.api.schema.node import Node


class Changes(NamedTuple):
    """`written` are the added and modified fields."""

    written: FieldSet | None
    removed: FieldSet | None


_NONE = Changes(None, None)
_NO_SKIP: frozenset[str] = frozenset()


def compare(root: Node, old: Object, new: Object) -> Changes:
    """What changed between two whole objects, apart from what nobody owns."""
    written, removed = _maps(root, old, new, zero_fields(root, root=True), UNOWNED_ROOT, root=True)
    return Changes(written, removed)


def _values(node: Node, old: Any, new: Any, zero: Any) -> Changes:
    if old.__class__ is new.__class__ and old == new:
        return _NONE
    if not node.atomic:
        if old.__class__ is dict and new.__class__ is dict and node.type != "array":
            return _maps(node, old, new, zero if zero.__class__ is dict else {}, _NO_SKIP)
        if old.__class__ is list and new.__class__ is list and node.type == "array":
            return _lists(node, old, new)
        if isinstance(old, (dict, list)) or isinstance(new, (dict, list)):
            return _replaced(node, old, new)
    return Changes(LEAF, None)


def _replaced(node: Node, old: Any, new: Any) -> Changes:
    """A value of another shape (free-form parts only)."""
    gone = {k: v for k, v in everything(node)(old).items() if k != SELF}
    return Changes(everything(node)(new), gone or None)


_Field: TypeAlias = tuple[str, Node | None, Builder]
"""A field's name in a set, its schema, and what is owned of a value of it."""


def _fields(node: Node) -> dict[str, _Field]:
    """The named fields met so far."""
    found: dict[str, _Field] | None = node.compiled.get("compare")
    if found is None:
        found = node.compiled["compare"] = {}
    return found


def _field(node: Node, key: str, fields: dict[str, _Field]) -> _Field:
    child = node.child(key)
    found = (f"f:{key}", child, leaf if child is None else everything(child))
    if key in node.properties:
        fields[key] = found
    return found


def _maps(
    node: Node,
    old: Object,
    new: Object,
    zero: dict[str, Any],
    skip: frozenset[str],
    *,
    root: bool = False,
) -> Changes:
    written: FieldSet = {}
    removed: FieldSet = {}
    fields = _fields(node)
    for key, value in new.items():
        if key in skip:
            continue
        name, child, build = fields.get(key) or _field(node, key, fields)
        if key in old:
            before = old[key]
        elif key in zero:
            before = _empty(zero[key])
        else:
            written[name] = build(value)
            continue
        if child is None:
            if before != value:
                written[name] = LEAF
            continue
        if root and key == "metadata":
            inner = _maps(child, before, value, {}, UNOWNED_METADATA)
        else:
            inner = _values(child, before, value, zero.get(key))
        if inner.written is not None:
            written[name] = inner.written
        if inner.removed is not None:
            removed[name] = inner.removed
    for key, value in old.items():
        if key in new or key in skip:
            continue
        name, _, build = fields.get(key) or _field(node, key, fields)
        gone = build(value)
        if key in zero and gone:
            # The struct itself stays; what it held is gone.
            gone = {k: v for k, v in gone.items() if k != SELF}
        removed[name] = gone
    if not written and not removed:
        return _NONE
    return Changes(written or None, removed or None)


def _empty(zero: Any) -> Any:
    """The value a field has from the start."""
    if zero.__class__ is dict:
        return {}
    return [] if zero.__class__ is list else zero


def _lists(node: Node, old: list[Any], new: list[Any]) -> Changes:
    before, after = index_list(node, old), index_list(node, new)
    written: FieldSet = {}
    removed: FieldSet = {}
    build = everything(node.items)
    for element, item in after.items():
        if element not in before:
            written[element] = build(item)
            continue
        inner = _values(node.items, before[element], item, None)
        if inner.written is not None:
            written[element] = inner.written
        if inner.removed is not None:
            removed[element] = inner.removed
    for element, item in before.items():
        if element not in after:
            removed[element] = build(item)
    return Changes(written or None, removed or None)
