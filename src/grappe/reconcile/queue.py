"""The work queue of a controller, with the guarantees of client-go's.

A key waits at most once; a key added while it is being worked on waits until that is done, so no
key is ever worked on twice at once; failures are repeated after 5 ms, 10 ms, … 1000 s.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

from grappe.reconcile.queue_metrics import QueueMetrics

K = TypeVar("K", bound=Hashable)

BACKOFF_FIRST = 0.005
BACKOFF_LIMIT = 1000.0


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row (the first is 0)."""
    return min(BACKOFF_FIRST * (1 << min(failures, 32)), BACKOFF_LIMIT)


class WorkQueue(Generic[K]):
    """All methods are for one event loop; only `get` waits. A queue with a name is counted
    under it (`workqueue_*`)."""

    def __init__(self, name: str = "") -> None:
        self._counts = QueueMetrics(name, self) if name else None
        self._ready: deque[K] = deque()
        self._dirty: set[K] = set()
        self._working: set[K] = set()
        self._later: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._getters: deque[asyncio.Future[None]] = deque()

    def add(self, key: K) -> None:
        """Have the key worked on, once, soon."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        if self._counts is not None:
            self._counts.added(key)
        if key not in self._working:
            self._ready.append(key)
            self._wake_one()

    def add_after(self, key: K, seconds: float) -> None:
        """Have it worked on after a while; of several such wishes the earliest counts."""
        if seconds <= 0:
            self.add(key)
            return
        loop = asyncio.get_running_loop()
        due = loop.time() + seconds
        waiting = self._later.get(key)
        if waiting is not None:
            if waiting.when() <= due:
                return
            waiting.cancel()
        self._later[key] = loop.call_at(due, self._come_due, key)

    def add_after_failure(self, key: K) -> float:
        """Have it worked on again after its back-off, which is returned in seconds."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        if self._counts is not None:
            self._counts.failed()
        delay = backoff(failures)
        self.add_after(key, delay)
        return delay

    def forget_failures(self, key: K) -> None:
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        """Failures in a row so far."""
        return self._failures.get(key, 0)

    async def get(self) -> K:
        """The next key; call `done` when it has been worked on."""
        while not self._ready:
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._getters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if waiter.done() and not waiter.cancelled():
                    self._wake_one()  # we were told of a key: tell another instead
                raise
        key = self._ready.popleft()
        self._dirty.discard(key)
        self._working.add(key)
        if self._counts is not None:
            self._counts.taken(key)
        return key

    def done(self, key: K) -> None:
        self._working.discard(key)
        if self._counts is not None:
            self._counts.done(key)
        if key in self._dirty:
            self._ready.append(key)
            self._wake_one()

    def __len__(self) -> int:
        """How many keys are ready to be worked on."""
        return len(self._ready)

    @property
    def idle(self) -> bool:
        """Nothing ready and nothing being worked on; what waits for later does not count."""
        return not self._ready and not self._working

    def close(self) -> None:
        """Drop what waits for later."""
        for handle in self._later.values():
            handle.cancel()
        self._later.clear()

    def _come_due(self, key: K) -> None:
        self._later.pop(key, None)
        self.add(key)

    def _wake_one(self) -> None:
        while self._getters:
            waiter = self._getters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
