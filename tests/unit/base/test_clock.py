"""Times as text, and back."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from grappe.base.clock import ManualClock, parse_rfc3339, rfc3339, rfc3339_micro

FIRST, LAST = -62_135_596_800, 253_402_300_799  # the years 1 to 9999


@given(st.integers(FIRST, LAST))
def test_every_second_of_every_year_comes_back(second: int) -> None:
    for text in (rfc3339(second), rfc3339_micro(second)):
        assert parse_rfc3339(text) == second
    assert len(rfc3339(second)) == 20


def test_the_first_years_have_four_digits() -> None:
    assert rfc3339(FIRST) == "0001-01-01T00:00:00Z"
    assert rfc3339_micro(FIRST) == "0001-01-01T00:00:00.000000Z"


def test_a_clock_that_is_set_lets_no_time_pass() -> None:
    clock = ManualClock(1000.0)
    clock.advance(5.0)
    clock.jump(-100.0)
    assert (clock.now(), clock.elapsed()) == (905.0, 5.0)
