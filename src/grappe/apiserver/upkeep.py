"""What the server keeps true by itself: a queue of things to look at, and one task that does.

For the few loops that belong to the API server, where the keys are or because it starts before
any controller; everything else is a controller.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from grappe.api.errors import ApiError
from grappe.store.interface import Event, Store, Subscription

log = logging.getLogger("grappe.apiserver")

_RETRY = 1.0  # seconds until what was refused is tried again
_OVERTAKEN = 0.05  # the same, when somebody else was quicker


class Upkeep:
    """Calls `work` for each key it is told to look at, one after the other, from `start` to
    `stop`. What fails with an ApiError other than 404 is tried again."""

    def __init__(self, name: str, work: Callable[[str], Awaitable[None]]) -> None:
        self._name = name
        self._work = work
        self._due: set[str] = set()
        self._wake = asyncio.Event()
        self._subscriptions: list[Subscription] = []
        self._task: asyncio.Task[None] | None = None

    def look_at(self, keys: Iterable[str]) -> None:
        self._due.update(keys)
        if self._due:
            self._wake.set()

    def follow(self, store: Store, bucket: str) -> None:
        """Look at all there is in a bucket, and at whatever changes or goes there from now on."""
        self.look_at(record.key for record in store.list(bucket))
        self._subscriptions.append(store.watch(bucket, store.revision, self._changed))

    def start(self, *subscriptions: Subscription) -> None:
        """`subscriptions` are what else tells it of changes; `stop` cancels them."""
        self._subscriptions += subscriptions
        self._task = asyncio.get_running_loop().create_task(self._run(), name=self._name)

    async def stop(self) -> None:
        for subscription in self._subscriptions:
            subscription.cancel()
        self._subscriptions.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _changed(self, events: Sequence[Event]) -> None:
        self.look_at(event.record.key for event in events)

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            due, self._due = self._due, set()
            for key in sorted(due):
                try:
                    await self._work(key)
                except ApiError as error:
                    self._again(key, error)

    def _again(self, key: str, error: ApiError) -> None:
        if error.code == 404:  # gone by now
            return
        if error.code != 409:
            log.warning("%s %s: %s", self._name, key, error)
        wait = _OVERTAKEN if error.code == 409 else _RETRY
        asyncio.get_running_loop().call_later(wait, self.look_at, [key])
