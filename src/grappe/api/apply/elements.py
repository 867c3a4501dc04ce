"""Path elements: how an entry of a list is named in a field set, and how paths are printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import orjson

from grappe.api.errors import bad_request
from grappe.api.schema.node import MISSING, Node


def list_element(node: Node, item: Any) -> str | None:
    """The key of `item` in a list of type `set` or `map`: `v:"a"`, `k:{"name":"web"}`.

    A key that is absent has its default; None when the item has no key at all.
    """
    if node.list_type == "set":
        return f"v:{orjson.dumps(item, option=orjson.OPT_SORT_KEYS).decode()}"
    if item.__class__ is not dict:
        return None
    keys = node.list_map_keys
    if len(keys) == 1:
        value = item.get(keys[0])
        if value is not None:
            return f'k:{{"{keys[0]}":{orjson.dumps(value).decode()}}}'
    found = {}
    for key in keys:
        value = item.get(key)
        if value is None:
            child = node.items.properties.get(key)
            if child is None or child.default is MISSING:
                continue
            value = child.default
        found[key] = value
    return f"k:{orjson.dumps(found).decode()}" if found else None


def index_list(node: Node, items: Sequence[Any]) -> dict[str, Any]:
    """Path element → item, the first where several have the same; those without a key are
    left out."""
    found: dict[str, Any] = {}
    for item in items:
        element = list_element(node, item)
        if element is not None:
            found.setdefault(element, item)
    return found


def check_list(node: Node, items: Sequence[Any], path: str, subject: str) -> dict[str, Any]:
    """As `index_list`, but ApiError 400 when an item of an applied list has no key or comes
    twice. `subject` names the object in the message."""
    found: dict[str, Any] = {}
    for index, item in enumerate(items):
        element = list_element(node, item)
        if element is None:
            keys = ", ".join(f'"{k}"' for k in node.list_map_keys)
            raise bad_request(
                f"failed to create typed patch object ({subject}): {path}: element {index}: "
                f"associative list with keys has an element that omits key field {keys} "
                "(and doesn't have default value)"
            )
        if element in found:
            raise bad_request(
                f"failed to create typed patch object ({subject}): {path}: duplicate entries "
                f"for key {shown_element(element)}"
            )
        found[element] = item
    return found


def shown_element(element: str) -> str:
    """`.image`, `[name="web"]`, `[="a"]`."""
    kind, _, rest = element.partition(":")
    if kind == "f":
        return f".{rest}"
    if kind == "v":
        return f"[={rest}]"
    try:
        keys = json.loads(rest)
        inner = ",".join(
            f"{k}={json.dumps(v, separators=(',', ':'))}" for k, v in sorted(keys.items())
        )
    except (ValueError, AttributeError):
        inner = rest
    return f"[{inner}]"


def shown_path(path: Sequence[str]) -> str:
    """`.spec.template.spec.containers[name="web"].image`."""
    return "".join(map(shown_element, path))
