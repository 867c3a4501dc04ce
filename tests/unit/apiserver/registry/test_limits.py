"""What is too deep or too often aliased is refused, and looking leaves nothing behind."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.registry.decoding import repeated_fields
from grappe.apiserver.registry.limits import MAX_DEPTH, check_depth, check_extent
from grappe.apiserver.registry.yaml_bodies import repeated_keys

MANY = [[number] for number in range(5000)]
TWICE = b'{"x":1,"x":2,"many":[' + b'{"a":[]},' * 5000 + b"1]}"


def nested(depth: int) -> Any:
    value: Any = []
    for level in range(depth - 1):
        value = {"a": 1, "b": value} if level % 2 else [2, value, []]
    return value


@pytest.mark.parametrize("check", [check_depth, check_extent])
def test_the_depth_is_counted_to_the_level(check: Callable[[Any], None]) -> None:
    check(nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 3000):
        with pytest.raises(ValueError, match="exceeded max depth"):
            check(nested(depth))


@given(
    st.recursive(
        st.text(max_size=3) | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
    )
)
def test_what_is_shallow_passes(value: Any) -> None:
    check_depth(value)
    check_extent(value)


def test_aliases_are_counted_as_if_written_out() -> None:
    value: Any = ["x"] * 10
    for _ in range(5):
        value = [value] * 10
    with pytest.raises(ValueError, match="excessive aliasing"):
        check_extent(value)


@pytest.mark.parametrize(
    "look",
    [
        lambda: check_depth(MANY),
        lambda: check_extent(MANY),
        lambda: repeated_fields(TWICE, {}),
        lambda: repeated_keys(TWICE),
    ],
    ids=["depth", "extent", "fields", "keys"],
)
def test_nothing_waits_for_the_garbage_collector(look: Callable[[], object]) -> None:
    """It comes seldom: a hundred megabytes would wait for it after each large body."""
    look()
    gc.collect()
    gc.disable()
    try:
        look()
        assert gc.collect() < 1000
    finally:
        gc.enable()
