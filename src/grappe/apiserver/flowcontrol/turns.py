"""Turns for what is answered at once: no flow gets more of one turn of the loop than its part.

Thousands of connections of one client may all have a short request ready when the loop looks.
Answering them all would keep everybody else waiting, so what is beyond a flow's part waits for
turns to come, in which those who wait are answered one of each flow after the other.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections import deque

FREE = 16
"""Requests of a flow that are not looked at further."""
AT_ONCE = 80
"""Requests of one flow answered in one turn: about three milliseconds."""
_EACH_TURN = 64
"""Requests of those that wait which are answered in one turn."""


class Line:
    """One flow: how many requests were answered in this turn or shortly before, and who waits."""

    __slots__ = ("answered", "waiting")

    def __init__(self) -> None:
        self.answered = 0
        self.waiting: deque[Future[None]] = deque()


class Turns:
    """Whoever answers counts `Line.answered` up, and from FREE on asks `wait`."""

    def __init__(self) -> None:
        self._counted: set[Line] = set()
        self._waiting: deque[Line] = deque()
        self._due = False

    def wait(self, line: Line) -> Future[None] | None:
        """What to wait for before the answer; None: nothing."""
        loop = asyncio.get_running_loop()
        self._counted.add(line)
        if not self._due:
            self._due = True
            loop.call_soon(self._turn)
        if not line.waiting:
            if line.answered <= AT_ONCE:
                return None
            self._waiting.append(line)
        waiter: Future[None] = loop.create_future()
        line.waiting.append(waiter)
        return waiter

    def _turn(self) -> None:
        """The loop has come round."""
        self._due = False
        left = _EACH_TURN
        while self._waiting and left:
            line = self._waiting.popleft()
            waiter = line.waiting.popleft()
            if line.waiting:
                self._waiting.append(line)
            if not waiter.done():
                waiter.set_result(None)
                left -= 1
        for line in tuple(self._counted):
            if line.waiting:
                line.answered = FREE
            else:
                line.answered = 0
                self._counted.discard(line)
        if self._waiting:
            self._due = True
            asyncio.get_running_loop().call_soon(self._turn)
