"""Watchers that ask the same get the same bytes, encoded once.

A group takes each commit's events from the store, encodes those that concern it, and hands the
same bytes to every member. One that wrote a moment ago gathers for a short while first, since a
write costs more than a line.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from grappe.apiserver.registry.filtering import Filter
from grappe.apiserver.registry.representation import Representation
from grappe.apiserver.registry.watch_events import event_lines
from grappe.store.interface import Event, Store

WINDOW = 0.002
"""Seconds a group gathers events after a write: measured best for latency and CPU alike."""


class Member(Protocol):
    """A watcher that is up to date with its group."""

    def send(self, chunk: bytes) -> None: ...

    def finish(self) -> None:
        """Nothing will ever come again."""
        ...


class Group:
    """`ended` is called when the last member has left, `sent` with the number of events that
    members were sent."""

    def __init__(
        self,
        store: Store,
        wanted: Filter,
        shown: Representation,
        ended: Callable[[], object],
        sent: Callable[[int], None],
    ) -> None:
        self.wanted = wanted
        self._sent = sent
        self._shown = shown
        self._ended = ended
        self._members: set[Member] = set()
        self._gathered: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._flushed = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._subscription = store.watch(wanted.served.bucket, store.revision, self._deliver)

    def _deliver(self, events: Sequence[Event]) -> None:
        lines = event_lines(events, self.wanted, self._shown)
        if not lines:
            return
        self._gathered += lines
        if self._timer is not None:
            return
        now = self._loop.time()
        if now - self._flushed >= WINDOW:
            self.flush()
        else:
            self._timer = self._loop.call_at(self._flushed + WINDOW, self.flush)

    def flush(self) -> None:
        """Hand what was gathered to every member."""
        self._cancel_timer()
        if not self._gathered:
            return
        chunk = b"".join(self._gathered)
        self._sent(len(self._gathered) * len(self._members))
        self._gathered.clear()
        self._flushed = self._loop.time()
        for member in tuple(self._members):
            member.send(chunk)

    def join(self, member: Member) -> None:
        self._members.add(member)

    def leave(self, member: Member) -> None:
        self._members.discard(member)
        if not self._members:
            self._subscription.cancel()
            self._cancel_timer()
            self._ended()

    def finish(self) -> None:
        """End every member's watch, after the last of what there was to tell."""
        self.flush()
        for member in tuple(self._members):
            member.finish()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
