"""containerd's task events as RuntimeEvents: an exit is known within a millisecond."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
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


async def subscribe(connection: Connection) -> AsyncIterator[RuntimeEvent]:
    """Events until cancelled. After every (re)connection there is one `lost`."""
    m = messages()
    request = m.SubscribeRequest(filters=['namespace==k8s.io,topic~="^/tasks/"'])
    while True:
        yield RuntimeEvent("lost", "")
        try:
            async for envelope in connection.stream("Events", "Subscribe", request):
                kind = _TOPICS.get(envelope.topic)
                if kind is None:
                    continue
                event = m.TaskEvent.FromString(envelope.event.value)
                # TaskExit and TaskDelete also tell of an exec's process, which is nobody's
                # business here. TaskStart's second field is a number, so `id` stays empty.
                if event.id and event.id != event.container_id:
                    continue
                yield RuntimeEvent(kind, event.container_id)
        except RuntimeFault as fault:
            log.debug("event stream ended: %s", fault)
        await asyncio.sleep(0.1)
