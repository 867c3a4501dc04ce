"""Reads that wait for a revision their client has seen and this server has not reached.

As in Kubernetes they wait three seconds, then are refused: such a revision is of a state that was
lost with a restored backup, or of another cluster.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from grappe.store.interface import EventType, Store

PATIENCE = 3.0
"""Seconds a read or a watch waits for the revision it asks for."""


class Coming:
    """Those who wait for the revisions of one store. It listens to commits once somebody has."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[asyncio.Future[None], int] = {}
        self._listens = False

    async def wait(self, revision: int) -> None:
        """Return when `revision` is committed, or when that takes too long."""
        if not self._listens:
            self._listens = True
            self._store.on_commit(self._committed)
        reached = asyncio.get_running_loop().create_future()
        self._waiting[reached] = revision
        try:
            await asyncio.wait((reached,), timeout=PATIENCE)
        finally:
            del self._waiting[reached]

    def _committed(self, _seconds: float, _counts: Mapping[tuple[str, EventType], int]) -> None:
        if not self._waiting:
            return
        newest = self._store.revision
        for reached, revision in self._waiting.items():
            if revision <= newest and not reached.done():
                reached.set_result(None)
