from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.apply.field_set import (
    LEAF,
    FieldSet,
    difference,
    equal,
    intersection,
    members,
    union,
)

Paths = frozenset[tuple[str, ...]]
paths = st.frozensets(
    st.lists(
        st.sampled_from(["f:a", "f:b", 'k:{"name":"x"}', 'v:"y"']), min_size=1, max_size=3
    ).map(tuple),
    max_size=6,
)


def build(found: Paths) -> FieldSet | None:
    if not found:
        return None
    root: dict[str, Any] = {}
    for path in sorted(found):
        node = root
        for part in path:
            node = node.setdefault(part, {})
    for path in found:
        node = root
        for part in path:
            node = node[part]
        if node:
            node["."] = {}
    return root


def paths_of(fields: FieldSet | None) -> Paths:
    return frozenset(members(fields))


@given(paths)
def test_a_set_has_the_members_it_was_made_of(a: Paths) -> None:
    assert paths_of(build(a)) == a


@given(paths, paths)
def test_operations_agree_with_sets_of_paths(a: Paths, b: Paths) -> None:
    assert paths_of(union(build(a), build(b))) == a | b
    assert paths_of(difference(build(a), build(b))) == a - b
    assert paths_of(intersection(build(a), build(b))) == a & b
    assert equal(build(a), build(b)) == (a == b)


@given(paths, paths)
def test_operations_change_nothing_they_are_given(a: Paths, b: Paths) -> None:
    one, two = build(a), build(b)
    union(one, two)
    difference(one, two)
    intersection(one, two)
    assert paths_of(one) == a
    assert paths_of(two) == b
    assert LEAF == {}


def test_what_all_sets_share_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        LEAF["f:a"] = {}
    with pytest.raises(TypeError):
        LEAF.update({"f:a": {}})
    assert orjson.dumps(LEAF) == b"{}"
