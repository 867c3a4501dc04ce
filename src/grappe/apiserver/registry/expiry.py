"""Events are kept for an hour after their last write, as by Kubernetes (`--event-ttl`).

Revisions serve as the clock: what is not above the revision of an hour ago is too old. Nothing is
stored about it: of what is there at the start, that goes at once whose own times all are older, and
the rest has one more hour.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from math import inf
from time import monotonic
from typing import Any

import orjson

from grappe.api.resources import EVENTS
from grappe.base.clock import Clock, parse_rfc3339
from grappe.store.interface import CommitFailedError, Draft, Record, RevisionMismatchError, Store

log = logging.getLogger("grappe.apiserver.expiry")

LIFETIME = 3600.0
_PERIOD = 60.0
_AT_ONCE = 200


class EventExpiry:
    """Removes old events. `sweep` may be called at any time; `run` does, once a minute."""

    def __init__(
        self, store: Store, clock: Clock, elapsed: Callable[[], float] = monotonic
    ) -> None:
        """`elapsed` are the seconds that have passed, however the clock is set."""
        self._store = store
        self._clock = clock
        self._elapsed = elapsed
        self._marks: deque[tuple[float, int]] = deque()

    async def run(self) -> None:
        while True:
            try:
                await self.sweep()
            except CommitFailedError as error:
                log.warning("old events could not be removed: %s", error)
            await asyncio.sleep(_PERIOD)

    async def sweep(self) -> None:
        """Remove the events that have not been written for an hour."""
        now = self._elapsed()
        if not self._marks:
            await self._sweep_stored(self._clock.now() - LIFETIME)
        self._marks.append((now, self._store.revision))
        oldest = 0
        while self._marks[0][0] <= now - LIFETIME:
            oldest = self._marks.popleft()[1]
        if not oldest:
            return
        old = [r for r in self._store.list(EVENTS.bucket) if r.revision <= oldest]
        for start in range(0, len(old), _AT_ONCE):
            await asyncio.gather(*map(self._remove, old[start : start + _AT_ONCE]))

    async def _sweep_stored(self, oldest: float) -> None:
        """Remove what nothing has been heard of since; a few at a time."""
        records = self._store.list(EVENTS.bucket)
        for start in range(0, len(records), _AT_ONCE):
            old = [r for r in records[start : start + _AT_ONCE] if _last_heard(r) < oldest]
            await asyncio.gather(*map(self._remove, old))
            await asyncio.sleep(0)

    async def _remove(self, record: Record) -> None:
        def last(revision: int) -> Draft:
            obj = orjson.loads(b"{" + record.body)
            obj["metadata"]["resourceVersion"] = str(revision)
            return Draft(orjson.dumps(obj)[1:], record.labels, record.fields)

        try:
            await self._store.delete(EVENTS.bucket, record.key, record.revision, last)
        except RevisionMismatchError:
            pass  # written or deleted meanwhile


def _last_heard(record: Record) -> float:
    """The newest time an event speaks of, its last write among them; never over if of none."""
    event = orjson.loads(b"{" + record.body)
    return max((parse_rfc3339(time) for time in _times(event) if time), default=inf)


def _times(event: dict[str, Any]) -> Iterator[str | None]:
    metadata = event["metadata"]
    yield metadata.get("creationTimestamp")
    for entry in metadata.get("managedFields", ()):
        yield entry.get("time")
    for name in ("lastTimestamp", "deprecatedLastTimestamp", "eventTime"):
        yield event.get(name)
    yield (event.get("series") or {}).get("lastObservedTime")
