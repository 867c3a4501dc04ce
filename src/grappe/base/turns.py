"""Long computations on the event loop, made in turns so that nobody else waits for them.

    found = in_turns(lambda: judge(obj))      # the value, or an awaitable of it
    if isinstance(found, Awaitable):
        found = await found

The computation is a plain synchronous function that calls `pause()` now and then, at any depth.
When it has had the loop for `SLICE` it stops right there and goes on in a later turn of the loop;
of all that are stopped one goes on in each turn. Whoever is done within the slice has never
stopped, and outside of `in_turns` a pause is nothing.

Must never run anything in another thread: what is computed on belongs to the loop's.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

if TYPE_CHECKING:
    from grappe.base.stoppable import Worker

T = TypeVar("T")

SLICE = 0.001
"""Seconds of one turn."""
STRIDE = 500
"""Items between two pauses of `paced`."""


class _Shared(threading.local):
    """One event loop's: who computes now, who has nothing to do, and what is stopped."""

    def __init__(self) -> None:
        self.busy: Worker | None = None
        self.idle: list[Worker] = []
        self.line: deque[object] = deque()


_shared = _Shared()


def pause() -> None:
    """Let others have their turn, if this one has lasted long enough."""
    worker = _shared.busy
    if worker is not None and perf_counter() > worker.until:
        worker.stop()


def paced(items: Iterable[T]) -> Iterator[T]:
    """The items, with a pause between some of them."""
    for number, item in enumerate(items, 1):
        yield item
        if not number % STRIDE:
            pause()


def in_turns(work: Callable[[], T]) -> T | Awaitable[T]:
    """What `work` gives (or raises), at once if it takes no longer than a slice, else to be
    awaited. Work that nobody awaits to the end is stopped for good."""
    if _shared.busy is not None:
        return work()
    worker = _shared.idle.pop() if _shared.idle else _new_worker()
    outcome = _turn(worker, work)
    return _Rest(worker) if _is_stopped(outcome) else cast(T, _settled(worker, outcome))


def _new_worker() -> Worker:
    from grappe.base.stoppable import Worker

    return Worker()


def _turn(worker: Worker, work: Callable[[], Any] | None = None) -> Any:
    worker.until = perf_counter() + SLICE
    _shared.busy = worker
    try:
        return worker.go_on(work)
    finally:
        _shared.busy = None


def _is_stopped(outcome: Any) -> bool:
    return not isinstance(outcome, tuple)


def _settled(worker: Worker, outcome: tuple[Any, BaseException | None]) -> Any:
    if not _shared.idle:
        _shared.idle.append(worker)
    value, error = outcome
    if error is not None:
        raise error
    return value


class _Rest(Generic[T]):
    """What is left of work that was stopped."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def __await__(self) -> Generator[None, None, T]:
        line = _shared.line
        line.append(self)
        outcome: Any = None
        had_its_turn = False
        try:
            while _is_stopped(outcome):
                yield  # a turn of the loop
                if line[0] is self and had_its_turn:  # not before: the next may wake in this turn
                    line.rotate(-1)
                    had_its_turn = False
                if line[0] is self:
                    had_its_turn = True
                    outcome = _turn(self._worker)
        finally:
            line.remove(self)
            if _is_stopped(outcome):
                self._worker.end()
        return cast(T, _settled(self._worker, outcome))
