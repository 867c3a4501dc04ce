"""Seats of priority levels: their own, lent and borrowed."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.flowcontrol.levels import Level, Seats


def config(**levels: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {"metadata": {"uid": name}, "spec": {"type": "Limited", "limited": limited}}
        for name, limited in levels.items()
    }


def limited(shares: int, lends: int = 0, borrows: int | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {"nominalConcurrencyShares": shares, "lendablePercent": lends}
    return found if borrows is None else {**found, "borrowingLimitPercent": borrows}


def level_of(seats: Seats, name: str) -> Level:
    found = seats.get(name)
    assert found is not None
    return found


def taken(seats: Seats, name: str) -> int:
    """How many seats a level gets that asks for all it can."""
    count = 0
    while seats.take(level_of(seats, name)):
        count += 1
    return count


def test_a_level_borrows_what_others_lend_and_no_more() -> None:
    seats = Seats(40)
    seats.configure(config(a=limited(1, lends=50), b=limited(1, lends=0)))
    assert taken(seats, "b") == 30
    assert taken(seats, "a") == 20  # its own, lent or not
    again = Seats(40)
    again.configure(config(a=limited(1, lends=50), b=limited(1, borrows=10)))
    assert taken(again, "b") == 22


def test_exempt_levels_have_no_seats() -> None:
    seats = Seats(10)
    seats.configure({"exempt": {"metadata": {}, "spec": {"type": "Exempt"}}})
    assert seats.get("exempt") is None


async def test_a_seat_given_back_goes_to_whoever_waits() -> None:
    seats = Seats(4)
    seats.configure(config(a=limited(1, lends=100), b=limited(1, lends=100)))
    a, b = level_of(seats, "a"), level_of(seats, "b")
    assert taken(seats, "a") == 4
    assert seats.queue(a, "x") is None  # a level that rejects has no queues
    a.longest = 1
    waiter = seats.queue(a, "x")
    assert waiter is not None
    assert seats.queue(a, "x") is None
    assert not seats.take(a)
    assert seats.take(b)
    seats.leave(b)
    assert not waiter.done()
    seats.leave(a)
    assert waiter.done()
    assert a.taken == 4


async def test_who_waits_in_a_level_that_is_gone_sits_down() -> None:
    seats = Seats(2)
    seats.configure(config(a=limited(1), b=limited(1)))
    b = level_of(seats, "b")
    b.longest = 1
    waiter = seats.queue(b, "x")
    assert waiter is not None
    seats.configure(config(a=limited(1)))
    assert waiter.done()
    seats.leave(b)
    assert taken(seats, "a") == 2


@given(
    levels=st.lists(
        st.tuples(st.integers(0, 50), st.integers(0, 100), st.none() | st.integers(0, 300)),
        min_size=1,
        max_size=5,
    ),
    asks=st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=200),
)
def test_seats_are_neither_lost_nor_made(
    levels: list[tuple[int, int, int | None]], asks: list[tuple[int, bool]]
) -> None:
    seats = Seats(32)
    seats.configure(config(**{f"l{i}": limited(*each) for i, each in enumerate(levels)}))
    for number, takes in asks:
        level = level_of(seats, f"l{number % len(levels)}")
        if takes:
            had_room = level.taken < level.seats
            assert seats.take(level) or not had_room
        elif level.taken:
            seats.leave(level)
        assert level.taken <= max(level.seats, level.most)
    for level in seats:
        while level.taken:
            seats.leave(level)
    assert all(seats.take(level) for level in seats if level.seats)
