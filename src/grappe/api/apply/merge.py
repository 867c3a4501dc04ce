"""Merging an applied configuration into the live object, list and map types as the schema says."""

from __future__ import annotations

from typing import Any

from grappe.api.apply.elements import check_list, list_element
from grappe.api.copying import copied
from grappe.api.schema.node import Node


def merge(node: Node, live: Any, applied: Any, path: str, subject: str) -> Any:
    """`live` with `applied` merged in; neither is changed. The result may share parts with
    `live`, none with `applied`, which is merged again when a write has to be repeated.

    Atomic values are replaced. ApiError 400 when an applied list has entries without a key, or
    two with the same; `path` and `subject` say where.
    """
    if node.atomic:
        return copied(applied)
    if isinstance(applied, dict) and node.type != "array":
        return _merge_maps(node, live if isinstance(live, dict) else {}, applied, path, subject)
    if isinstance(applied, list) and node.type == "array":
        return _merge_lists(node, live if isinstance(live, list) else [], applied, path, subject)
    return copied(applied)


def _merge_maps(
    node: Node, live: dict[str, Any], applied: dict[str, Any], path: str, subject: str
) -> dict[str, Any]:
    merged = dict(live)
    for key, value in applied.items():
        child = node.child(key)
        if child is None:
            merged[key] = copied(value)
        else:
            merged[key] = merge(child, live.get(key), value, f"{path}.{key}", subject)
    return merged


def _merge_lists(
    node: Node, live: list[Any], applied: list[Any], path: str, subject: str
) -> list[Any]:
    """Entries that both have stand in the applied order; those only the live list has keep their
    place before the next entry they share."""
    ours = check_list(node, applied, path, subject)
    theirs: list[tuple[str | None, Any]] = [(list_element(node, item), item) for item in live]
    first: dict[str, Any] = {}
    for element, item in theirs:
        if element is not None:
            first.setdefault(element, item)
    shared = [element for element in ours if element in first]
    result: list[Any] = []
    at = 0

    def take_live_only(until: str | None) -> None:
        """Move on in the live list, keeping what is only there, up to the entry `until`."""
        nonlocal at
        while at < len(theirs):
            element, item = theirs[at]
            if element is None or element not in ours:
                result.append(item)
            elif element == until:
                return
            at += 1

    next_shared = 0
    for element, item in ours.items():
        until = shared[next_shared] if next_shared < len(shared) else None
        if until is not None:
            take_live_only(until)
        place = f"{path}[{element}]"
        result.append(merge(node.items, first.get(element), item, place, subject))
        if element == until:
            next_shared += 1
            if at < len(theirs):
                at += 1
    take_live_only(None)
    return result
