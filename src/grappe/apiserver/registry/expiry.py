"""Events are kept for an hour after their last write, as by Kubernetes (`--event-ttl`).

Revisions serve as the clock: what is not above the revision of an hour ago is too old. Nothing is
stored about it, so that a restart gives the events of the past one more hour.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque

import orjson

from grappe.api.resources import EVENTS
from grappe.base.clock import Clock
from grappe.store.interface import CommitFailedError, Draft, Record, RevisionMismatchError, Store

log = logging.getLogger("grappe.apiserver.expiry")

LIFETIME = 3600.0
_PERIOD = 60.0
_AT_ONCE = 200


class EventExpiry:
    """Removes old events. `sweep` may be called at any time; `run` does, once a minute."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
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
        now = self._clock.now()
        self._marks.append((now, self._store.revision))
        oldest = 0
        while self._marks[0][0] <= now - LIFETIME:
            oldest = self._marks.popleft()[1]
        if not oldest:
            return
        old = [r for r in self._store.list(EVENTS.bucket) if r.revision <= oldest]
        for start in range(0, len(old), _AT_ONCE):
            await asyncio.gather(*map(self._remove, old[start : start + _AT_ONCE]))

    async def _remove(self, record: Record) -> None:
        def last(revision: int) -> Draft:
            obj = orjson.loads(b"{" + record.body)
            obj["metadata"]["resourceVersion"] = str(revision)
            return Draft(orjson.dumps(obj)[1:], record.labels, record.fields)

        try:
            await self._store.delete(EVENTS.bucket, record.key, record.revision, last)
        except RevisionMismatchError:
            pass  # written or deleted meanwhile
