"""watch of a version that a webhook converts: one task for each watcher, in revision order.

A commit cannot wait for a webhook, so that these watchers have no group: each converts what it
has not been told yet. What is the same for several is asked once (the Converter remembers).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from grappe.api.errors import ApiError, gone
from grappe.api.resources import CUSTOM_RESOURCE_DEFINITIONS
from grappe.apiserver.http.messages import StreamWriter
from grappe.apiserver.records import body_of
from grappe.apiserver.registry.filtering import Filter
from grappe.apiserver.registry.parameters import (
    ListOptions,
    revision,
    too_large_revision,
)
from grappe.apiserver.registry.representation import Representation
from grappe.apiserver.registry.versions import all_shown
from grappe.apiserver.registry.watch_events import event_lines
from grappe.store.interface import CompactedError, Event, Store, Subscription

_SLICE = 256
"""Objects or events that are converted and written at once."""
_AHEAD = 1024 * 1024
"""Bytes that may wait for a client; more is written when it has read."""
_PACE = 0.005


class ConvertedWatch:
    """One client's watch. It lasts for `seconds`, with a bookmark every `bookmark_seconds`."""

    def __init__(
        self,
        store: Store,
        wanted: Filter,
        shown: Representation,
        options: ListOptions,
        *,
        seconds: float,
        bookmark_seconds: float,
    ) -> None:
        self._seconds = seconds
        self._bookmark_seconds = bookmark_seconds
        self._store = store
        self._wanted = wanted
        self._shown = shown
        self._options = options
        self._reached = revision(options.resource_version) or 0
        self._opened = False
        self._news = asyncio.Event()
        self._over = False

    def start(self, writer: StreamWriter) -> Callable[[], None]:
        task = asyncio.get_running_loop().create_task(self._run(writer), name="converted watch")
        return lambda: _cancel(task)

    async def _run(self, writer: StreamWriter) -> None:
        bucket = self._wanted.served.bucket
        subscriptions: list[Subscription] = [
            self._store.watch(bucket, self._store.revision, lambda _: self._news.set()),
            self._store.watch(
                CUSTOM_RESOURCE_DEFINITIONS.bucket, self._store.revision, self._definition_changed
            ),
        ]
        try:
            async with asyncio.timeout(self._seconds):
                await self._tell_all(writer)
        except TimeoutError:
            if self._options.bookmarks:
                writer.write(self._told(self._shown.bookmark(self._reached)))
        except ApiError as error:
            writer.write(self._shown.error(error.status()))
        except CompactedError as error:
            status = gone(f"too old resource version: {self._reached} ({error.oldest})").status()
            writer.write(self._shown.error(status))
        except _Ended:
            pass
        finally:
            for subscription in subscriptions:
                subscription.cancel()
        writer.close()

    async def _tell_all(self, writer: StreamWriter) -> None:
        initial = self._options.initial_events
        if self._reached > self._store.revision:
            raise too_large_revision(self._reached, self._store.revision)
        if not self._reached if initial is None else initial:
            await self._tell_state(writer)
        while True:
            await self._tell_missed(writer)
            if self._over:
                raise _Ended
            try:
                async with asyncio.timeout(self._bookmark_seconds):
                    await self._news.wait()
            except TimeoutError:
                if self._options.bookmarks:
                    await self._write(writer, self._shown.bookmark(self._reached))

    async def _tell_state(self, writer: StreamWriter) -> None:
        """The state as it is now, as ADDED events."""
        served = self._wanted.served
        records = self._store.list(served.bucket, self._wanted.prefix)
        self._reached = self._store.revision
        for start in range(0, len(records), _SLICE):
            converted = await all_shown(served, records[start : start + _SLICE])
            lines = [self._shown.event("ADDED", r) for r in self._wanted.select(converted)]
            await self._write(writer, b"".join(lines))
        if self._options.initial_events and self._options.bookmarks:
            await self._write(writer, self._shown.bookmark(self._reached, initial_end=True))

    async def _tell_missed(self, writer: StreamWriter) -> None:
        """What has happened since `_reached`."""
        self._news.clear()
        events: list[Event] = []
        if not self._reached:
            self._reached = self._store.revision
        self._store.watch(self._wanted.served.bucket, self._reached, events.extend).cancel()
        reached = self._store.revision
        mine = [e for e in events if e.record.key.startswith(self._wanted.prefix)]
        for start in range(0, len(mine), _SLICE):
            converted = await self._convert(mine[start : start + _SLICE])
            lines = event_lines(converted, self._wanted, self._shown)
            await self._write(writer, b"".join(lines))
        self._reached = reached

    async def _convert(self, events: Sequence[Event]) -> list[Event]:
        """The events in this version; the states before, which only selectors ask about, where
        there are selectors."""
        served = self._wanted.served
        now = await all_shown(served, [event.record for event in events])
        befores = [e.previous for e in events if e.previous is not None]
        before = iter([] if self._wanted.everything else await all_shown(served, befores))
        return [
            Event(
                event.type,
                record,
                None if event.previous is None else next(before, event.previous),
            )
            for event, record in zip(events, now, strict=True)
        ]

    async def _write(self, writer: StreamWriter, chunk: bytes) -> None:
        while writer.backlog > _AHEAD:  # noqa: ASYNC110 - a writer tells nobody when it drains
            await asyncio.sleep(_PACE)
        if chunk and not writer.write(self._told(chunk)):
            raise _Ended

    def _told(self, chunk: bytes) -> bytes:
        if self._opened:
            return chunk
        self._opened = True
        return self._shown.opening(chunk)

    def _definition_changed(self, events: Sequence[Event]) -> None:
        """A definition that goes, or converts otherwise than when this watch began, ends it."""
        for event in events:
            metadata = body_of(event.record)["metadata"]
            if metadata["uid"] != self._wanted.served.definition or event.previous is None:
                continue
            before = body_of(event.previous)["metadata"]
            if event.type == "DELETED" or metadata["generation"] != before["generation"]:
                self._over = True
                self._news.set()


class _Ended(Exception):
    """There is nothing more to tell, or nobody to tell it to."""


def _cancel(task: asyncio.Task[None]) -> None:
    if not task.done():
        task.cancel()
