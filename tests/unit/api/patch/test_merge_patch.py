import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.errors import ApiError
from grappe.api.patch import merge_patch


@pytest.mark.parametrize(
    ("doc", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ],
)
def test_rfc_7386_examples(
    doc: dict[str, Any], patch: dict[str, Any], expected: dict[str, Any]
) -> None:
    before = copy.deepcopy(doc)
    assert merge_patch(doc, patch) == expected
    assert doc == before


def test_a_patch_that_is_no_object_is_refused() -> None:
    with pytest.raises(ApiError):
        merge_patch({}, [])


def is_object(value: Any) -> bool:
    return isinstance(value, dict)


objects = st.recursive(
    st.none() | st.integers() | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
).filter(is_object)


def test_the_result_shares_nothing_with_the_patch() -> None:
    patch = {"a": [{"b": 1}], "c": {"d": [1]}}
    before = copy.deepcopy(patch)
    result = merge_patch({}, patch)
    result["a"][0]["b"] = 2
    result["c"]["d"].append(2)
    assert patch == before


@given(objects, objects)
def test_merging_twice_changes_nothing_more(doc: dict[str, Any], patch: dict[str, Any]) -> None:
    once = merge_patch(doc, patch)
    assert merge_patch(once, patch) == once


def difference(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """The merge patch that makes `a` into `b`, which holds no nulls."""
    found: dict[str, Any] = {key: None for key in a if key not in b}
    for key, value in b.items():
        if key in a and isinstance(a[key], dict) and isinstance(value, dict):
            found[key] = difference(a[key], value)
        elif key not in a or a[key] != value or isinstance(a[key], bool) != isinstance(value, bool):
            found[key] = value
    return found


leaves = st.integers() | st.booleans() | st.text(max_size=2) | st.lists(st.integers(), max_size=2)
trees = st.recursive(leaves, lambda inner: st.dictionaries(st.sampled_from("abc"), inner))


@given(
    st.dictionaries(st.sampled_from("abc"), trees), st.dictionaries(st.sampled_from("abc"), trees)
)
def test_the_difference_of_two_documents_leads_from_one_to_the_other(
    a: dict[str, Any], b: dict[str, Any]
) -> None:
    assert merge_patch(a, difference(a, b)) == b
