"""Runs one reconcile function over a work queue of object keys."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.client.interface import TransportError
from grappe.reconcile.queue import WorkQueue


class Key(NamedTuple):
    """Which object. `namespace` is empty for what has none."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True)
class Result:
    """`requeue_after` seconds from now the key is to be reconciled again, whatever happens."""

    requeue_after: float | None = None


class TerminalError(Exception):
    """Trying again will not help until something changes. Raised by a reconcile function after it
    has told the user (a condition, an event); it is logged and not repeated."""


Reconcile: TypeAlias = Callable[[Key], Awaitable[Result | None]]


class Controller:
    """Calls `reconcile(key)` for every key enqueued, never twice at once for one key.

    What it raises is logged and repeated with back-off, except TerminalError. `concurrency` keys
    are worked on at once.
    """

    def __init__(self, name: str, *, reconcile: Reconcile, concurrency: int = 1) -> None:
        self.name = name
        self.queue: WorkQueue[Key] = WorkQueue(name)
        self._reconcile = reconcile
        self._concurrency = concurrency
        self._log = logging.getLogger(f"grappe.{name}")

    def enqueue(self, namespace: str | None, name: str) -> None:
        self.queue.add(Key(namespace or "", name))

    def enqueue_after(self, namespace: str | None, name: str, seconds: float) -> None:
        self.queue.add_after(Key(namespace or "", name), seconds)

    def enqueue_object(self, obj: Object) -> None:
        meta = obj["metadata"]
        self.enqueue(meta.get("namespace"), meta["name"])

    def on_change(self, event_type: str, obj: Object, old: Object | None) -> None:
        """An informer handler: each change of an object enqueues the object itself."""
        self.enqueue_object(obj)

    async def run(self) -> None:
        """Work until cancelled."""
        workers = [
            asyncio.create_task(self._work(), name=f"{self.name}/{number}")
            for number in range(self._concurrency)
        ]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            self.queue.close()

    async def _work(self) -> None:
        while True:
            key = await self.queue.get()
            try:
                await self._reconcile_one(key)
            finally:
                self.queue.done(key)
            # An in-process client may answer without ever waiting: let others have their turn.
            await asyncio.sleep(0)

    async def _reconcile_one(self, key: Key) -> None:
        where = f"{key.namespace}/{key.name}" if key.namespace else key.name
        try:
            result = await self._reconcile(key)
        except TerminalError as error:
            self.queue.forget_failures(key)
            self._log.warning("%s: %s", where, error)
        except ApiError as error:
            delay = self.queue.add_after_failure(key)
            # A conflict only means that our copy was a moment old.
            level = logging.DEBUG if error.reason == "Conflict" else logging.WARNING
            self._log.log(level, "%s: %s (again in %.3g s)", where, error.message, delay)
        except TransportError as error:
            delay = self.queue.add_after_failure(key)
            self._log.warning("%s: %s (again in %.3g s)", where, error, delay)
        except Exception:
            delay = self.queue.add_after_failure(key)
            self._log.exception("%s: failed (again in %.3g s)", where, delay)
        else:
            self.queue.forget_failures(key)
            if result is not None and result.requeue_after is not None:
                self.queue.add_after(key, result.requeue_after)
