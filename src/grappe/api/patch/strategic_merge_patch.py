"""Strategic merge patch, `application/strategic-merge-patch+json`.

A merge patch that knows which lists are merged by which key; the schema's `patch-strategy` and
`patch-merge-key` marks say so. Directives ($patch, $retainKeys, $setElementOrder/FIELD,
$deleteFromPrimitiveList/FIELD):
https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from grappe.api import Object
from grappe.api.errors import ApiError, bad_request
from grappe.api.patch.go_text import go_text
from grappe.api.patch.list_order import arranged
from grappe.api.schema.interface import Schema
from grappe.api.schema.node import Node, free_form

_PATCH = "$patch"
_RETAIN_KEYS = "$retainKeys"
_SET_ORDER = "$setElementOrder/"
_DELETE_FROM = "$deleteFromPrimitiveList/"
_ANY = free_form(False)


def strategic_merge_patch(doc: Object, patch: Any, schema: Schema) -> Object:
    """`doc` with `patch` merged in; `doc` is left alone. ApiError 400 when the patch is
    malformed."""
    if not isinstance(patch, dict):
        raise bad_request("The patch is invalid: expected a JSON object")
    return _merge_map(doc, patch, schema.root)


def _unknown(directive: Any, patch: Mapping[str, Any]) -> ApiError:
    return bad_request(f"unknown patch type: {go_text(directive)} in map: {go_text(patch)}")


def _is_directive(key: str) -> bool:
    return key.startswith("$") and (
        key in (_PATCH, _RETAIN_KEYS) or key.startswith((_SET_ORDER, _DELETE_FROM))
    )


def _child(node: Node, key: str) -> Node:
    return node.child(key) or _ANY


# -- maps ------------------------------------------------------------------------------------------


def _merge_map(original: Mapping[str, Any], patch: Mapping[str, Any], node: Node) -> Object:
    directive = patch.get(_PATCH)
    if directive == "replace":
        return dict(_clean(patch))
    if directive == "delete":
        return {}
    if directive is not None:
        raise _unknown(directive, patch)
    merged = _retained(original, patch)
    for field in _ordered_lists(patch):
        _merge_ordered_list(merged, patch, field, _child(node, field))
    for key, value in patch.items():
        if _is_directive(key):
            if key.startswith(_DELETE_FROM):
                _delete_from_list(merged, key[len(_DELETE_FROM) :], value)
            continue
        if _SET_ORDER + key in patch and value is not None:
            continue
        if value is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge_value(merged, key, value, _child(node, key))
    return merged


def _merge_value(merged: Mapping[str, Any], key: str, value: Any, node: Node) -> Any:
    if key not in merged:
        return _clean(value)
    live = merged[key]
    if isinstance(live, dict) and isinstance(value, dict):
        if "replace" in node.patch_strategies:
            return _clean(value)
        return _merge_map(live, value, node)
    if isinstance(live, list) and isinstance(value, list):
        if "merge" in node.patch_strategies:
            return _merge_list(live, value, node, order=None)
        return _clean(value)
    return _clean(value)


def _clean(value: Any) -> Any:
    """A patch's value where nothing was: without directives and nulls."""
    if isinstance(value, dict):
        return {k: _clean(v) for k, v in value.items() if v is not None and not _is_directive(k)}
    if isinstance(value, list):
        return [_clean(v) for v in value if not _only_directs(v)]
    return value


def _only_directs(item: Any) -> bool:
    """Whether a list's item deletes another, or says how the list is meant and nothing else."""
    return isinstance(item, dict) and (item.get(_PATCH) == "delete" or item.keys() == {_PATCH})


def _retained(original: Mapping[str, Any], patch: Mapping[str, Any]) -> Object:
    """A copy of `original` with only the fields `$retainKeys` names, when it is there."""
    if _RETAIN_KEYS not in patch:
        return dict(original)
    retained = patch[_RETAIN_KEYS]
    if not isinstance(retained, list):
        raise bad_request("invalid patch format of retainKeys")
    for key, value in patch.items():
        if value is not None and not _is_directive(key) and key not in retained:
            raise bad_request("patch content doesn't match retainKeys list")
    return {k: v for k, v in original.items() if k in retained}


def _ordered_lists(patch: Mapping[str, Any]) -> list[str]:
    return [k[len(_SET_ORDER) :] for k in patch if k.startswith(_SET_ORDER)]


def _merge_ordered_list(merged: Object, patch: Mapping[str, Any], field: str, node: Node) -> None:
    """Merge the list `field` and bring it into the order the patch asks for."""
    order = patch[_SET_ORDER + field]
    value = patch.get(field)
    live = merged.get(field)
    for found in (order, live, value):
        if found is not None and not isinstance(found, list):
            raise bad_request("invalid patch format of setElementOrder list")
    if live is None and value is None:
        return
    if field in patch and value is None:
        return
    _check_order(value or [], order, node.patch_merge_key)
    removed = patch.get(_DELETE_FROM + field)
    start = list(live or ())
    if isinstance(removed, list):
        start = [v for v in start if v not in removed]
    merged[field] = _merge_list(start, value or [], node, order=order)


def _check_order(value: Sequence[Any], order: Sequence[Any], merge_key: str) -> None:
    """What the patch lists must come in the order it asks for."""
    if not order:
        return
    wanted = iter(_identities(order, merge_key))
    for item in value:
        if isinstance(item, dict) and _PATCH in item:
            continue
        identity = _identity(item, merge_key)
        if not any(identity == other for other in wanted):
            raise bad_request(
                f"The order in patch list:\n{go_text(value)}\n doesn't match $setElementOrder "
                f"list:\n{go_text(order)}\n"
            )


def _delete_from_list(merged: Object, field: str, removed: Any) -> None:
    if not isinstance(removed, list):
        raise bad_request("invalid patch format of primitive list")
    live = merged.get(field)
    if isinstance(live, list):
        merged[field] = [v for v in live if v not in removed]


# -- lists -----------------------------------------------------------------------------------------


def _identity(item: Any, merge_key: str) -> Any:
    if not merge_key:
        if isinstance(item, (dict, list)):
            raise bad_request(
                "lists of lists are not supported"
                if isinstance(item, list)
                else "cannot merge lists without merge key"
            )
        return item
    if not isinstance(item, dict):
        raise bad_request(f"expected a map with the key {merge_key}, but received {go_text(item)}")
    if merge_key not in item:
        raise bad_request(f"map: {go_text(item)} does not contain declared merge key: {merge_key}")
    if isinstance(item[merge_key], (dict, list)):
        raise bad_request(f"map: {go_text(item)} has no scalar for its merge key: {merge_key}")
    return item[merge_key]


def _identities(items: Sequence[Any], merge_key: str) -> list[Any]:
    return [_identity(item, merge_key) for item in items]


def _merge_list(
    live: Sequence[Any], patch: Sequence[Any], node: Node, order: Sequence[Any] | None
) -> list[Any]:
    """Merge by key (or as a set of scalars). What the patch names stands in the patch's order,
    or in `order` when given; what only the live list has keeps its place among it."""
    key = node.patch_merge_key
    if not key:
        scalars = _identities((*live, *patch), key)
        wanted = _identities(patch if order is None else order, key)
        return arranged({v: v for v in scalars}, wanted, list(live))
    if any(isinstance(v, dict) and v.get(_PATCH) == "replace" for v in patch):
        return [_clean(v) for v in patch if not (isinstance(v, dict) and _PATCH in v)]
    live_order = _identities(live, key)
    merged: dict[Any, Any] = {}
    for identity, item in zip(live_order, live, strict=True):
        merged.setdefault(identity, item)
    named: list[Any] = []
    for item in patch:
        identity = _identity(item, key)
        directive = item.get(_PATCH)
        if directive == "delete":
            merged.pop(identity, None)
            continue
        if directive is not None:
            raise _unknown(directive, item)
        named.append(identity)
        if identity in merged:
            merged[identity] = _merge_map(merged[identity], item, node.items)
        else:
            merged[identity] = _clean(item)
    wanted = named if order is None else _identities(order, key)
    return arranged(merged, wanted, live_order)
