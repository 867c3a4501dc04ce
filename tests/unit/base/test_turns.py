"""Computations in turns."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import pytest

from grappe.base import turns
from grappe.base.turns import in_turns, paced, pause


async def done(work: Callable[[], Any]) -> Any:
    found = in_turns(work)
    return await found if isinstance(found, Awaitable) else found


@pytest.fixture
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every pause is a turn."""
    monkeypatch.setattr(turns, "SLICE", -1.0)


def counting(seen: list[str], name: str, to: int) -> Callable[[], int]:
    def work() -> int:
        for _ in range(to):
            seen.append(name)
            pause()
        return to

    return work


def test_what_is_quick_is_there_at_once() -> None:
    seen: list[str] = []
    assert in_turns(counting(seen, "a", 3)) == 3
    assert seen == ["a"] * 3


def test_a_pause_outside_is_nothing() -> None:
    pause()
    assert list(paced(range(2000))) == list(range(2000))


def test_errors_are_the_callers() -> None:
    def work() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        in_turns(work)
    assert in_turns(lambda: 1) == 1


@pytest.mark.usefixtures("always")
async def test_others_have_their_turn_at_every_pause() -> None:
    seen: list[str] = []

    async def other() -> None:
        for _ in range(5):
            seen.append("other")
            await asyncio.sleep(0)

    beside = asyncio.create_task(other())
    assert await done(counting(seen, "work", 4)) == 4
    await beside
    assert "work,other,work" in ",".join(seen)


@pytest.mark.usefixtures("always")
async def test_one_goes_on_in_each_turn() -> None:
    seen: list[str] = []
    laps: list[int] = []

    async def lap() -> None:
        while True:
            laps.append(len(seen))
            await asyncio.sleep(0)

    beside = asyncio.create_task(lap())
    works = [done(counting(seen, name, 5)) for name in "abc"]
    assert await asyncio.gather(*works) == [5, 5, 5]
    beside.cancel()
    begun = laps.index(3)  # all three have begun and stopped
    between = [later - earlier for earlier, later in pairwise(laps[begun:])]
    assert max(between) == 1
    assert seen.index("b", seen.index("b") + 1) < len(seen) - 3, "they take turns"


@pytest.mark.usefixtures("always")
async def test_work_nobody_waits_for_ends() -> None:
    seen: list[str] = []
    ended: list[bool] = []

    def work() -> int:
        try:
            return counting(seen, "a", 1000)()
        finally:
            ended.append(True)

    task = asyncio.create_task(done(work))
    while not seen:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == [True]
    assert len(seen) < 1000
    assert await done(counting([], "b", 3)) == 3


@pytest.mark.usefixtures("always")
async def test_deep_below_and_within_one_another() -> None:
    def down(depth: int) -> int:
        if depth:
            return down(depth - 1) + 1
        return sum(paced([1] * 1200))

    def outer() -> Any:
        return in_turns(lambda: down(50))

    assert await done(outer) == 1250


@pytest.mark.usefixtures("always")
async def test_an_error_after_a_pause_is_the_callers_too() -> None:
    def work() -> None:
        pause()
        raise ValueError("late")

    with pytest.raises(ValueError, match="late"):
        await done(work)
