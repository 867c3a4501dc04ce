from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from grappe.api.validation.spec_diff import spec_diff


def test_what_changes_stands_between_what_stays() -> None:
    old = {"containers": [{"image": "x", "name": "a"}], "hostname": "one"}
    new = {**old, "hostname": "two"}
    assert spec_diff(old, new).split("\n") == [
        "--- expected",
        "+++ got",
        "@@ -1,9 +1,9 @@",
        " {",
        '   "containers": [',
        "     {",
        '       "image": "x",',
        '       "name": "a"',
        "     }",
        "   ],",
        '-  "hostname": "one"',
        '+  "hostname": "two"',
        " }",
        "",
    ]


def test_only_what_is_near_is_shown() -> None:
    old: dict[str, Any] = {f"field{n:03}": n for n in range(500)}
    lines = spec_diff(old, {**old, "field250": "other"}).split("\n")
    assert lines[2] == "@@ -242,21 +242,21 @@"
    assert lines[13:15] == ['-  "field250": 250,', '+  "field250": "other",']
    assert len(lines) == 3 + 22 + 1


def test_nobody_waits_for_a_diff_of_thousands_of_lines() -> None:
    old = {"list": [n % 7 for n in range(100_000)]}
    new = {"list": [n % 5 for n in range(100_000)]}
    assert spec_diff(old, new) == ""


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=30,
)


@given(st.dictionaries(st.text(max_size=3), values), st.dictionaries(st.text(max_size=3), values))
def test_any_two_can_be_compared(old: dict[str, Any], new: dict[str, Any]) -> None:
    if old != new:
        assert spec_diff(old, new).startswith("--- expected\n+++ got\n@@ -")
