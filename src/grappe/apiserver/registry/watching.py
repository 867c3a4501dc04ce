"""watch: committed changes as lines, encoded once for everybody who asks the same.

Watchers with the same filter and form are one group: the group takes each commit's events from
the store, encodes those that concern it, and hands the same bytes to every member. A group that
wrote a moment ago gathers for a short while first, since a write costs more than a line.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import orjson

from grappe.api.errors import ApiError, gone
from grappe.apiserver.http.messages import Stream, StreamWriter
from grappe.apiserver.registry.answers import warning_headers
from grappe.apiserver.registry.backend import Backend, Call
from grappe.apiserver.registry.filtering import Filter, parse_filter
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.negotiation import Form, negotiate
from grappe.apiserver.registry.parameters import (
    ListOptions,
    list_options,
    revision,
    too_large_revision,
)
from grappe.apiserver.registry.representation import (
    Representation,
    bookmark,
    event_line,
    represent,
)
from grappe.store.interface import CompactedError, Event, Record, Store

WINDOW = 0.002
"""Seconds a group gathers events after a write: measured best for latency and CPU alike."""
BOOKMARK_PERIOD = 60.0
MINIMUM_TIMEOUT = 1800
"""Seconds a watch lasts at least when the client does not say; up to twice that."""

EventType = Literal["ADDED", "MODIFIED", "DELETED"]


def seen_as(event: Event, wanted: Filter) -> tuple[EventType, Record] | None:
    """What an event is to a watcher with this filter: an object that comes to be selected was
    added, one that ceases to be was deleted."""
    if not event.record.key.startswith(wanted.prefix):
        return None
    if wanted.everything:
        return event.type, event.record
    before = event.previous is not None and wanted.matches(event.previous)
    if event.type == "DELETED":
        # Its last state may already be out of the selection; what counts is what was known.
        return ("DELETED", event.record) if before else None
    now = wanted.matches(event.record)
    if now:
        return ("MODIFIED" if before else "ADDED"), event.record
    if before and event.previous is not None:
        return "DELETED", _at_revision(event.previous, event.record.revision)
    return None


def _at_revision(record: Record, new: int) -> Record:
    """The same state, as of a later revision."""
    obj = orjson.loads(b"{" + record.body)
    obj["metadata"]["resourceVersion"] = str(new)
    return Record(record.key, new, orjson.dumps(obj)[1:], record.labels, record.fields)


def event_lines(events: Sequence[Event], wanted: Filter, shown: Representation) -> list[bytes]:
    """The lines of those events that concern a watcher with this filter."""
    found = []
    for event in events:
        seen = seen_as(event, wanted)
        if seen is not None:
            found.append(shown.event(*seen))
    return found


class Group:
    """Watchers that get the same bytes."""

    def __init__(
        self, store: Store, wanted: Filter, shown: Representation, ended: Callable[[], object]
    ) -> None:
        self._wanted = wanted
        self._shown = shown
        self._ended = ended
        self._members: set[Watcher] = set()
        self._gathered: list[bytes] = []
        self._loop = asyncio.get_running_loop()
        self._flushed = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._subscription = store.watch(wanted.served.bucket, store.revision, self._deliver)

    def _deliver(self, events: Sequence[Event]) -> None:
        lines = event_lines(events, self._wanted, self._shown)
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
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._gathered:
            return
        chunk = b"".join(self._gathered)
        self._gathered.clear()
        self._flushed = self._loop.time()
        for member in tuple(self._members):
            member.send(chunk)

    def join(self, member: Watcher) -> None:
        self._members.add(member)

    def leave(self, member: Watcher) -> None:
        self._members.discard(member)
        if not self._members:
            self._subscription.cancel()
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            self._ended()


class Watcher:
    """One client's watch: catches up on its own, then lives from its group."""

    def __init__(self, store: Store, served: ServedResource, options: ListOptions) -> None:
        self._store = store
        self._served = served
        self._options = options
        self._writer: StreamWriter | None = None
        self._group: Group | None = None
        self._timers: list[asyncio.TimerHandle] = []

    def start(self, writer: StreamWriter, initial: bytes, group: Group) -> Callable[[], None]:
        self._writer, self._group = writer, group
        group.join(self)
        if initial:
            self.send(initial)
        loop = asyncio.get_running_loop()
        timeout = self._options.timeout
        if not timeout or timeout < 0:
            timeout = int(MINIMUM_TIMEOUT * (1 + random.random()))
        self._timers.append(loop.call_later(timeout, self._time_out))
        if self._options.bookmarks:
            self._timers.append(loop.call_later(BOOKMARK_PERIOD, self._bookmark))
        return self.stop

    def send(self, chunk: bytes) -> None:
        if self._writer is not None and not self._writer.write(chunk):
            self.stop()

    def _bookmark(self) -> None:
        if self._writer is None or self._group is None:
            return
        self._group.flush()
        self.send(bookmark(self._served, self._store.revision))
        if self._writer is not None:
            loop = asyncio.get_running_loop()
            self._timers = [t for t in self._timers if t.when() > loop.time()]
            self._timers.append(loop.call_later(BOOKMARK_PERIOD, self._bookmark))

    def _time_out(self) -> None:
        if self._options.bookmarks:
            self._bookmark()
        writer = self._writer
        if writer is not None:
            if self._group is not None:
                self._group.flush()
            self.stop()
            writer.close()

    def stop(self) -> None:
        """Let go of everything; idempotent."""
        self._writer = None
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._group is not None:
            group, self._group = self._group, None
            group.leave(self)


class Groups:
    """The running groups of one server."""

    def __init__(self, backend: Backend) -> None:
        self.store = backend.store
        self._backend = backend
        self._running: dict[tuple[object, ...], Group] = {}

    def watch(self, call: Call) -> Stream:
        """The stream of a watch request; ApiError 410 when it starts too far back."""
        form = negotiate(call.request.headers.get("accept", ""))
        options = list_options(call.info.query, watch=True)
        wanted = parse_filter(call.served, call.info.namespace, options)
        include = call.info.query.get("includeObject", "")
        asked = revision(options.resource_version)
        if asked is not None and asked > self.store.revision:
            raise too_large_revision(asked, self.store.revision)
        watcher = Watcher(self.store, call.served, options)

        def start(writer: StreamWriter) -> Callable[[], None]:
            shown = self._shown(wanted, form, include)
            try:
                initial = self._initial(wanted, shown, options, asked)
            except ApiError as error:
                writer.write(event_line("ERROR", orjson.dumps(error.status())))
                writer.close()
                return lambda: None
            return watcher.start(writer, initial, self._group(wanted, shown, form, include))

        return Stream(start, headers=warning_headers(call.warnings))

    def _shown(self, wanted: Filter, form: Form, include: str) -> Representation:
        return represent(wanted.served, form, self._backend.clock, include)

    def _group(self, wanted: Filter, shown: Representation, form: Form, include: str) -> Group:
        """The group of this question, its members up to date with the store."""
        key = (wanted.identity, form, include)
        group = self._running.get(key)
        if group is None:
            group = Group(self.store, wanted, shown, partial(self._running.pop, key, None))
            self._running[key] = group
        else:
            group.flush()
        return group

    def _initial(
        self, wanted: Filter, shown: Representation, options: ListOptions, asked: int | None
    ) -> bytes:
        """What the client has to hear before it lives from the group: the state itself when it
        names no revision to start from, else what happened since."""
        bucket = wanted.served.bucket
        if options.initial_events or (not asked and options.initial_events is None):
            records = wanted.select(self.store.list(bucket, wanted.prefix))
            lines = [shown.event("ADDED", record) for record in records]
            if options.initial_events and options.bookmarks:
                lines.append(bookmark(wanted.served, self.store.revision, initial_end=True))
            return b"".join(lines)
        if not asked:
            return b""
        missed: list[bytes] = []
        try:
            self.store.watch(
                bucket, asked, lambda events: missed.extend(event_lines(events, wanted, shown))
            ).cancel()
        except CompactedError as error:
            raise gone(f"too old resource version: {asked} ({error.oldest})") from None
        return b"".join(missed)
