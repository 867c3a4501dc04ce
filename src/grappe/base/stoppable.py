"""A computation that stops in the middle and goes on later: a greenlet keeps its stack.

The one place that knows the library. Only `grappe.base.turns` uses it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from greenlet import GreenletExit, greenlet

STOPPED = object()
"""What `go_on` gives when the computation is not done."""


class Worker:
    """Runs one computation after the other. Making a worker costs more than most computations."""

    __slots__ = ("_stack", "until")

    def __init__(self) -> None:
        self.until = 0.0
        self._stack = _Stack()

    def go_on(self, work: Callable[[], Any] | None = None) -> Any:
        """Begin `work`, or go on with what was stopped: (value, error), or STOPPED."""
        return self._stack.switch(work)

    def stop(self) -> None:
        """Called within the computation: back to whoever called `go_on`."""
        self._stack.leave(STOPPED)

    def end(self) -> None:
        """Nobody waits for what was stopped any more."""
        self._stack.throw(GreenletExit)


class _Stack(greenlet):
    def leave(self, outcome: Any) -> Any:
        assert self.parent is not None
        return self.parent.switch(outcome)

    def run(self, work: Callable[[], Any]) -> None:
        while True:
            try:
                outcome: Any = (work(), None)
            except GreenletExit:
                raise
            except BaseException as error:
                outcome = (None, error)
            del work
            work = self.leave(outcome)
            del outcome
