from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from grappe.api.patch import merge_patch
from grappe.controllers.statuses import status_patch, without_zeros

values = st.recursive(
    st.one_of(st.booleans(), st.integers(0, 3), st.lists(st.integers(0, 2), max_size=2)),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
objects = st.dictionaries(st.sampled_from("abcd"), values, max_size=4)


@given(objects, objects)
def test_the_patch_turns_one_status_into_the_other(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    assert merge_patch(old, status_patch(old, new)) == new


@given(objects)
def test_nothing_to_write_when_nothing_changed(status: dict[str, Any]) -> None:
    assert status_patch(status, status) == {}


def test_counts_of_zero_are_left_out_unless_kept() -> None:
    assert without_zeros({"a": 0, "b": 0, "c": 1, "d": []}, keep=("b",)) == {"b": 0, "c": 1}
