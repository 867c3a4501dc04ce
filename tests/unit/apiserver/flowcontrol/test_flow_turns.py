"""Short requests of one flow beyond its part of a turn wait; others do not."""

from __future__ import annotations

import asyncio
from asyncio import Future

from grappe.apiserver.flowcontrol.turns import AT_ONCE, FREE, Line, Turns


def ask(turns: Turns, line: Line) -> Future[None] | None:
    line.answered += 1
    return None if line.answered <= FREE else turns.wait(line)


async def test_a_flow_has_its_part_of_a_turn_and_waits_with_the_rest() -> None:
    turns, flood, other = Turns(), Line(), Line()
    asked = [ask(turns, flood) for _ in range(1000)]
    waiting = [found for found in asked if found is not None]
    assert asked[:AT_ONCE] == [None] * AT_ONCE
    assert len(waiting) == 1000 - AT_ONCE
    assert ask(turns, other) is None
    rounds = 0
    while not all(waiter.done() for waiter in waiting):
        before = sum(waiter.done() for waiter in waiting)
        await asyncio.sleep(0)
        rounds += 1
        assert sum(waiter.done() for waiter in waiting) - before <= AT_ONCE
        assert ask(turns, other) is None
    assert rounds >= 10
    assert [waiter.done() for waiter in waiting] == [True] * len(waiting)


async def test_who_waits_is_called_one_of_each_flow_after_the_other() -> None:
    turns, first, second = Turns(), Line(), Line()
    of_first = [found for found in (ask(turns, first) for _ in range(400)) if found]
    of_second = [found for found in (ask(turns, second) for _ in range(400)) if found]
    await asyncio.sleep(0)
    done = [sum(w.done() for w in waiters) for waiters in (of_first, of_second)]
    assert done[0] == done[1] > 0
    of_first[done[0]].cancel()  # a client that is gone takes nobody's turn
    while not all(waiter.done() for waiter in (*of_first, *of_second)):
        await asyncio.sleep(0)


async def test_who_comes_while_others_of_the_flow_wait_comes_after_them() -> None:
    turns, line = Turns(), Line()
    early = [found for found in (ask(turns, line) for _ in range(AT_ONCE + 200)) if found]
    await asyncio.sleep(0)
    late = ask(turns, line)
    assert late is not None
    while not late.done():
        await asyncio.sleep(0)
    assert all(waiter.done() for waiter in early)


async def test_a_slow_stream_of_requests_never_waits() -> None:
    turns, line = Turns(), Line()
    for _ in range(500):
        assert ask(turns, line) is None
        await asyncio.sleep(0)
