"""containerd's task events as RuntimeEvents.

The event of an exit comes some 20 ms before CRI's own status says so; it is passed on when both
agree, so that who hears of an exit also sees it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Literal

from grappe.node.runtime.containerd.connection import Connection
from grappe.node.runtime.containerd.messages import events as messages
from grappe.node.runtime.interface import RuntimeEvent, RuntimeFault

log = logging.getLogger("grappe.node.containerd")

Kind = Literal["started", "exited", "oom", "removed", "lost"]
_TOPICS: dict[str, Kind] = {
    "/tasks/start": "started",
    "/tasks/exit": "exited",
    "/tasks/oom": "oom",
    "/tasks/delete": "removed",
}


_SETTLE_LIMIT = 10.0


class Events:
    """One subscription. `still_running` asks CRI about a container or sandbox by id."""

    def __init__(
        self, connection: Connection, still_running: Callable[[str], Awaitable[bool]]
    ) -> None:
        self._connection = connection
        self._still_running = still_running
        self._queue: asyncio.Queue[RuntimeEvent] = asyncio.Queue()
        self._settling: set[asyncio.Task[None]] = set()

    async def subscribe(self) -> AsyncIterator[RuntimeEvent]:
        """Events until cancelled. After every (re)connection there is one `lost`."""
        reading = asyncio.create_task(self._read(), name="containerd events")
        try:
            while True:
                yield await self._queue.get()
        finally:
            tasks = [reading, *self._settling]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self) -> None:
        m = messages()
        request = m.SubscribeRequest(filters=['namespace==k8s.io,topic~="^/tasks/"'])
        while True:
            self._queue.put_nowait(RuntimeEvent("lost", ""))
            try:
                async for envelope in self._connection.stream("Events", "Subscribe", request):
                    kind = _TOPICS.get(envelope.topic)
                    if kind is None:
                        continue
                    event = m.TaskEvent.FromString(envelope.event.value)
                    # TaskExit and TaskDelete also tell of an exec's process, which is nobody's
                    # business here. TaskStart's second field is a number, so `id` stays empty.
                    if event.id and event.id != event.container_id:
                        continue
                    self._take(RuntimeEvent(kind, event.container_id))
            except RuntimeFault as fault:
                log.debug("event stream ended: %s", fault)
            await asyncio.sleep(0.1)

    def _take(self, event: RuntimeEvent) -> None:
        if event.kind != "exited":
            self._queue.put_nowait(event)
            return
        task = asyncio.create_task(self._settle(event), name="settle")
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle(self, event: RuntimeEvent) -> None:
        delay, waited = 0.002, 0.0
        while waited < _SETTLE_LIMIT and await self._still_running(event.container_id):
            await asyncio.sleep(delay)
            waited += delay
            delay = min(delay * 1.5, 0.5)
        self._queue.put_nowait(event)
