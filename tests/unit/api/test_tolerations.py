from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.tolerations import covers, merged, tolerates

tolerations = st.fixed_dictionaries(
    {},
    optional={
        "key": st.sampled_from(["a", "b"]),
        "operator": st.sampled_from(["Exists", "Equal"]),
        "value": st.sampled_from(["x", "y"]),
        "effect": st.sampled_from(["NoExecute", "NoSchedule"]),
        "tolerationSeconds": st.sampled_from([1, 2]),
    },
)
TAINTS = [
    {"key": key, "value": value, "effect": effect}
    for key in "ab"
    for value in "xy"
    for effect in ("NoExecute", "NoSchedule")
]


@pytest.mark.parametrize(
    ("whole", "part", "covered"),
    [
        ({"operator": "Exists"}, {"key": "a", "operator": "Equal", "value": "x"}, True),
        ({"key": "a", "operator": "Exists"}, {"key": "b", "operator": "Exists"}, False),
        (
            {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 1},
            {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 2},
            False,
        ),
        (
            {"key": "a", "operator": "Equal", "value": "x"},
            {"key": "a", "operator": "Equal", "value": "x", "effect": "NoSchedule"},
            True,
        ),
    ],
)
def test_what_covers_what(whole: Any, part: Any, covered: bool) -> None:
    assert covers(whole, part) is covered


@given(st.lists(tolerations, max_size=3), st.lists(tolerations, max_size=3))
def test_a_merge_tolerates_what_both_did(first: Any, second: Any) -> None:
    every, found = [*first, *second], merged(first, second)
    assert all(one in every for one in found)
    assert all(any(covers(kept, one) for kept in found) for one in every)
    assert merged(found, []) == found
    for taint in TAINTS:
        if any(tolerates(one, taint) for one in every if one.get("operator")):
            assert any(tolerates(one, taint) for one in found)
