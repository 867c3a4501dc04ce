"""Dropping the fields a schema does not know (pruning)."""

from __future__ import annotations

from typing import Any

from grappe.api.schema.node import Node


def drop_unknown(node: Node, value: Any) -> list[str]:
    """Remove unknown fields in place and return their paths, as `spec.containers[0].foo`."""
    found: list[str] = []
    _walk(node, value, "", found)
    return found


def _walk(node: Node, value: Any, path: str, found: list[str]) -> None:
    """What is not of the node's type is left to those who check types."""
    if value.__class__ is dict:
        if node.type != "object" and not node.preserve_unknown:
            return
        properties, values = node.properties, node.values
        dropped = []
        for key, inner in value.items():
            child = properties.get(key) or values
            if child is None:
                if not node.preserve_unknown:
                    found.append(f"{path}.{key}" if path else key)
                    dropped.append(key)
            elif inner.__class__ is dict or inner.__class__ is list:
                _walk(child, inner, f"{path}.{key}" if path else key, found)
        for key in dropped:
            del value[key]
    elif value.__class__ is list and node.type == "array":
        items = node.items
        for index, inner in enumerate(value):
            if inner.__class__ is dict or inner.__class__ is list:
                _walk(items, inner, f"{path}[{index}]", found)
