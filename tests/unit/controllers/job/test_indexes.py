import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.controllers.job.indexes import first_missing, parse, spell


@pytest.mark.parametrize(
    ("indexes", "text"),
    [
        ([], ""),
        ([4], "4"),
        ([0, 1], "0,1"),
        ([0, 1, 2, 5, 7, 8], "0-2,5,7,8"),
        ([3, 2, 1, 1], "1-3"),
    ],
)
def test_text(indexes: list[int], text: str) -> None:
    assert spell(indexes) == text


@pytest.mark.parametrize("text", ["x", "1-x", ",", "-", "5-2"])
def test_text_that_is_not_understood_names_nothing(text: str) -> None:
    assert parse(text, 10) == set()


def test_indexes_beyond_the_end_are_left_out() -> None:
    assert parse("0-9", 3) == {0, 1, 2}


@given(st.sets(st.integers(0, 60)))
def test_text_and_back(indexes: set[int]) -> None:
    assert parse(spell(indexes), 100) == indexes


@given(st.sets(st.integers(0, 20)), st.integers(0, 25), st.integers(0, 20))
def test_missing_indexes_are_new_lowest_first_and_within_bounds(
    taken: set[int], count: int, below: int
) -> None:
    found = first_missing(taken, count, below)
    assert found == sorted(set(range(below)) - taken)[:count]
