"""Sets of fields, in the form `managedFields` stores them (`FieldsV1`).

A set is a tree of dicts. A key is `f:NAME` (a field or map entry), `k:{…}` (an entry of a list by
its keys) or `v:…` (an entry of a set by its value). A node is itself a member when it is empty or
holds `.`; `None` stands for the empty set. Sets are values: no operation changes its arguments,
and results share what is the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn, TypeAlias

FieldSet: TypeAlias = dict[str, Any]


class _Leaf(dict[str, Any]):
    """An empty dict that stays empty: every field set shares it."""

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise TypeError("field sets are values and are never changed")

    __setitem__ = setdefault = update = __ior__ = _refuse


LEAF: FieldSet = _Leaf()
"""A member with nothing below it."""

SELF = "."


def is_member(node: FieldSet) -> bool:
    return not node or SELF in node


def union(a: FieldSet | None, b: FieldSet | None) -> FieldSet | None:
    if a is None or a is b:
        return b
    if b is None:
        return a
    return _union(a, b)


def _union(a: FieldSet, b: FieldSet) -> FieldSet:
    if a is b or not b:
        return a if not a or SELF in a else {SELF: LEAF, **a}
    if not a:
        return b if SELF in b else {SELF: LEAF, **b}
    merged = dict(a)
    for key, inner in b.items():
        mine = merged.get(key)
        merged[key] = inner if mine is None else _union(mine, inner)
    return merged


def difference(a: FieldSet | None, b: FieldSet | None) -> FieldSet | None:
    """The members of `a` that are not members of `b`."""
    if a is None or b is None:
        return a
    found = _difference(a, b, member=False)
    return found or None


def _difference(a: FieldSet, b: FieldSet, *, member: bool) -> FieldSet | None:
    """None when nothing is left. `member` says whether `a`'s own node counts."""
    if a is b:
        return None
    kept_self = member and is_member(a) and not is_member(b)
    kept: FieldSet = {}
    same = True
    for key, inner in a.items():
        if key == SELF:
            continue
        other = b.get(key)
        left = inner if other is None else _difference(inner, other, member=True)
        if left is None:
            same = False
            continue
        same = same and left is inner
        kept[key] = left
    if not kept:
        return LEAF if kept_self else None
    if same and kept_self == (SELF in a):
        return a
    return {SELF: LEAF, **kept} if kept_self else kept


def intersection(a: FieldSet | None, b: FieldSet | None) -> FieldSet | None:
    """The members of both."""
    if a is None or b is None:
        return None
    return _intersection(a, b, member=False) or None


def _intersection(a: FieldSet, b: FieldSet, *, member: bool) -> FieldSet | None:
    both_self = member and is_member(a) and is_member(b)
    kept: FieldSet = {}
    for key, inner in a.items():
        if key == SELF:
            continue
        other = b.get(key)
        if other is not None:
            common = _intersection(inner, other, member=True)
            if common is not None:
                kept[key] = common
    if not kept:
        return LEAF if both_self else None
    return {SELF: LEAF, **kept} if both_self else kept


def members(fields: FieldSet | None) -> Iterator[tuple[str, ...]]:
    """The path of every member."""
    for key, inner in (fields or {}).items():
        if key == SELF:
            continue
        if is_member(inner):
            yield (key,)
        for rest in members(inner):
            yield (key, *rest)


def equal(a: FieldSet | None, b: FieldSet | None) -> bool:
    """Whether both have the same members."""
    if a is b or a is None or b is None:
        return a is b
    return _normal(a) == _normal(b)


def _normal(node: FieldSet) -> FieldSet:
    """`{".": {}}` and `{}` mean the same."""
    if len(node) == 1 and SELF in node:
        return LEAF
    return {k: _normal(v) if k != SELF else v for k, v in node.items()}
