"""Ratcheting: an update may leave alone what was already wrong.

When a definition becomes stricter, its objects must still be updatable: a problem of a value that
the update does not change is forgiven (KEP-4008, general since Kubernetes 1.33). Not forgiven are
problems of combined schemas (anyOf, oneOf, allOf, not) and of duplicate entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from grappe.api.errors import Cause
from grappe.api.schema.node import Node

_NEVER = frozenset({"FieldValueDuplicate"})
_STEP = re.compile(r"\[([0-9]+)\]|\.?([^.\[]+)")


def forgiven(root: Node, causes: Iterable[Cause], new: Any, old: Any) -> list[Cause]:
    """The causes that remain of those found in `new`."""
    return [c for c in causes if not _unchanged(root, c, new, old)]


def _unchanged(root: Node, cause: Cause, new: Any, old: Any) -> bool:
    """Whether the value the cause is about is the same in both. A missing field is a problem of
    the object it is missing from."""
    if cause.reason in _NEVER or cause.field == "<nil>":
        return False
    steps = _STEP.findall(cause.field)
    if cause.reason == "FieldValueRequired":
        steps = steps[:-1]
    node: Node | None = root
    for index, name in steps:
        if node is None:
            return False
        if index:
            if not isinstance(new, list) or not isinstance(old, list) or node.type != "array":
                return False
            if new == old:
                return True
            if node.list_type != "map" or int(index) >= len(new):
                return False
            new = new[int(index)]
            wanted = _key(node, new)
            old = next((item for item in old if _key(node, item) == wanted), None)
            node = node.items
        else:
            if not isinstance(new, dict) or not isinstance(old, dict):
                return False
            if name not in new or name not in old:
                return False
            new, old, node = new[name], old[name], node.child(name)
    return type(new) is type(old) and bool(new == old)


def _key(node: Node, item: Any) -> Any:
    """What tells an entry of a list map from the others."""
    return [item.get(k) for k in node.list_map_keys] if isinstance(item, dict) else None
