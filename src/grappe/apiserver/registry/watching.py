"""watch: committed changes as lines, until the client or the server ends it.

A watcher first catches up on its own, no faster than its client reads; once it has heard
everything it joins the group of those that ask the same (`watch_group`).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import orjson

from grappe.api.errors import ApiError, gone
from grappe.api.resources import CUSTOM_RESOURCE_DEFINITIONS
from grappe.apiserver.http.messages import Stream, StreamWriter
from grappe.apiserver.registry.answers import warning_headers
from grappe.apiserver.registry.backend import Backend, Call
from grappe.apiserver.registry.coming import PATIENCE
from grappe.apiserver.registry.converted_watch import ConvertedWatch
from grappe.apiserver.registry.filtering import Filter, parse_filter
from grappe.apiserver.registry.interface import ServedResource
from grappe.apiserver.registry.negotiation import STREAM_TYPES, Form, negotiate
from grappe.apiserver.registry.parameters import (
    ListOptions,
    list_options,
    revision,
    too_large_revision,
)
from grappe.apiserver.registry.representation import Representation, represent
from grappe.apiserver.registry.watch_events import event_lines
from grappe.apiserver.registry.watch_group import Group
from grappe.store.interface import CompactedError, Event, Record, Store, Subscription

BOOKMARK_PERIOD = 60.0
MINIMUM_TIMEOUT = 1800
"""Seconds a watch lasts at least when the client does not say; up to twice that."""

_SLICE = 256
"""Objects or events for each write while a watcher catches up."""
_AHEAD = 1024 * 1024
"""Bytes that may wait for a client that catches up; more is written when it has read."""
_PACE = 0.005


def lasting(options: ListOptions) -> int:
    """Seconds a watch lasts."""
    timeout = options.timeout
    if not timeout or timeout < 0:
        return int(MINIMUM_TIMEOUT * (1 + random.random()))
    return timeout


class Watcher:
    """One client's watch. `join` gives it the group to live from once it has caught up."""

    def __init__(
        self,
        store: Store,
        wanted: Filter,
        shown: Representation,
        options: ListOptions,
        join: Callable[[], Group],
        sent: Callable[[int], None],
    ) -> None:
        self._store = store
        self._sent = sent
        self._wanted = wanted
        self._shown = shown
        self._options = options
        self._join = join
        self._writer: StreamWriter | None = None
        self._subscription: Subscription | None = None
        self._opened = False
        self._group: Group | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._chunks: Iterator[bytes] = iter(())
        self._reached = revision(options.resource_version) or 0

    def start(self, writer: StreamWriter) -> Callable[[], None]:
        self._writer = writer
        if self._state_first():
            if self._reached > self._store.revision:
                self._refuse(too_large_revision(self._reached, self._store.revision))
                return self.stop
            self._chunks = self._state()
        self._later("timeout", lasting(self._options), self._time_out)
        if self._options.bookmarks:
            self._later("bookmark", BOOKMARK_PERIOD, self._bookmark)
        self._catch_up()
        return self.stop

    # -- catching up ---------------------------------------------------------------------------
    def _state_first(self) -> bool:
        """Whether the client wants to hear the state itself: when it asks for it, or names no
        revision to start from."""
        if self._options.initial_events is None:
            return not self._reached
        return self._options.initial_events

    def _state(self) -> Iterator[bytes]:
        """The state as it is now, as ADDED events."""
        served = self._wanted.served
        records = self._store.list(served.bucket, self._wanted.prefix)
        reached = self._reached = self._store.revision
        return self._state_lines(records, reached)

    def _state_lines(self, records: Sequence[Record], reached: int) -> Iterator[bytes]:
        for start in range(0, len(records), _SLICE):
            selected = self._wanted.select(records[start : start + _SLICE])
            self._sent(len(selected))
            yield b"".join(self._shown.event("ADDED", record) for record in selected)
        if self._options.initial_events and self._options.bookmarks:
            yield self._shown.bookmark(reached, initial_end=True)

    def _missed(self) -> Iterator[bytes]:
        """What has happened since `_reached`."""
        events: list[Event] = []
        bucket = self._wanted.served.bucket
        self._store.watch(bucket, self._reached, events.extend).cancel()
        self._reached = self._store.revision
        for start in range(0, len(events), _SLICE):
            lines = event_lines(events[start : start + _SLICE], self._wanted, self._shown)
            self._sent(len(lines))
            yield b"".join(lines)

    def _catch_up(self) -> None:
        """Write what is to be heard first, as the client reads it; then live from the group."""
        while self._writer is not None:
            if self._writer.backlog > _AHEAD:
                self._later("pace", _PACE, self._catch_up)
                return
            try:
                chunk = next(self._chunks, None)
            except CompactedError as error:
                self._expired(error)
                return
            if chunk is not None:
                self.send(chunk)
            elif self._reached > self._store.revision:
                self._await_revision()
                return
            elif not self._reached or self._reached == self._store.revision:
                self._group = self._join()
                self._group.join(self)
                return
            else:
                self._chunks = self._missed()

    def _await_revision(self) -> None:
        """Hear nothing until something has happened after the client's revision, which is still
        to come. One that does not come soon is of a state that was lost with a restored backup."""

        def news(events: Sequence[Event]) -> None:
            self._drop_subscription()
            self._catch_up()

        bucket = self._wanted.served.bucket
        self._subscription = self._store.watch(bucket, self._reached, news)
        self._later("revision", PATIENCE, self._revision_due)

    def _revision_due(self) -> None:
        if self._subscription is not None and self._reached > self._store.revision:
            self._refuse(too_large_revision(self._reached, self._store.revision))

    def _drop_subscription(self) -> None:
        if self._subscription is not None:
            self._subscription.cancel()
            self._subscription = None

    def _expired(self, error: CompactedError) -> None:
        self._refuse(gone(f"too old resource version: {self._reached} ({error.oldest})"))

    def _refuse(self, error: ApiError) -> None:
        self.send(self._shown.error(error.status()))
        self.finish()

    # -- living --------------------------------------------------------------------------------
    def send(self, chunk: bytes) -> None:
        if not self._opened and chunk:
            self._opened = True
            chunk = self._shown.opening(chunk)
        if self._writer is not None and not self._writer.write(chunk):
            self.stop()

    def _bookmark(self) -> None:
        self._tell_revision()
        self._later("bookmark", BOOKMARK_PERIOD, self._bookmark)

    def _tell_revision(self) -> None:
        if self._group is not None:
            self._group.flush()
            self.send(self._shown.bookmark(self._store.revision))

    def _time_out(self) -> None:
        if self._options.bookmarks:
            self._tell_revision()
        elif self._group is not None:
            self._group.flush()
        self.finish()

    # -- ending --------------------------------------------------------------------------------
    def finish(self) -> None:
        """End the stream from this side."""
        writer = self._writer
        self.stop()
        if writer is not None:
            writer.close()

    def stop(self) -> None:
        """Let go of everything; idempotent."""
        self._writer = None
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._drop_subscription()
        if self._group is not None:
            group, self._group = self._group, None
            group.leave(self)

    def _later(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        if self._writer is not None:
            self._timers[name] = asyncio.get_running_loop().call_later(seconds, call)


class Watches:
    """Every running watch of one server, by groups."""

    def __init__(self, backend: Backend) -> None:
        self._store = backend.store
        self._clock = backend.clock
        self._events = backend.watch_events
        self._groups: dict[tuple[object, ...], Group] = {}
        self._definitions: Subscription | None = None

    def watch(self, call: Call) -> Stream:
        """The stream of a watch request. One that starts too far back, or wants a state that is
        still to come, says so in its first event; one of later changes waits for them."""
        form = negotiate(call.request.headers.get("accept", ""), call.served.custom, True)
        options = list_options(call.info.query, watch=True)
        wanted = parse_filter(call.served, call.info.namespace, options)
        include = call.info.query.get("includeObject", "")
        revision(options.resource_version)  # ApiError 400 before the stream begins
        shown = represent(wanted.served, form, self._clock, include)
        if wanted.served.conversion is not None:
            converted = ConvertedWatch(
                self._store,
                wanted,
                shown,
                options,
                seconds=lasting(options),
                bookmark_seconds=BOOKMARK_PERIOD,
            )
            media = STREAM_TYPES[form.media]
            return Stream(converted.start, media, warning_headers(call.warnings))
        join = partial(self._group, wanted, shown, form, include)
        sent = self._counter(wanted.served)
        watcher = Watcher(self._store, wanted, shown, options, join, sent)
        media = STREAM_TYPES[form.media]
        return Stream(watcher.start, media, warning_headers(call.warnings))

    def _group(self, wanted: Filter, shown: Representation, form: Form, include: str) -> Group:
        """The group of this question, its members up to date with the store."""
        key = (wanted.identity, form, include)
        group = self._groups.get(key)
        if group is not None:
            group.flush()
            return group
        if wanted.served.custom and self._definitions is None:
            self._definitions = self._store.watch(
                CUSTOM_RESOURCE_DEFINITIONS.bucket, self._store.revision, self._definitions_changed
            )
        ended = partial(self._groups.pop, key, None)
        group = Group(self._store, wanted, shown, ended, self._counter(wanted.served))
        self._groups[key] = group
        return group

    def _counter(self, served: ServedResource) -> Callable[[int], None]:
        """What counts the events of a resource that are sent."""
        resource = served.resource
        labels = (resource.group, resource.version, resource.plural)
        return partial(self._events.inc, labels)

    def _definitions_changed(self, events: Sequence[Event]) -> None:
        """What is no longer served is no longer watched."""
        for event in events:
            if event.type != "DELETED":
                continue
            uid = orjson.loads(b"{" + event.record.body)["metadata"]["uid"]
            for group in tuple(self._groups.values()):
                if group.wanted.served.definition == uid:
                    group.finish()
