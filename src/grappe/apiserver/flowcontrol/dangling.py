"""Keeps the `Dangling` condition of FlowSchemas true: whether their priority level is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from grappe.api import Object
from grappe.apiserver.flowcontrol.control import FLOW_SCHEMAS, LEVELS
from grappe.apiserver.loopback import Loopback
from grappe.apiserver.records import body_of
from grappe.apiserver.upkeep import Upkeep
from grappe.base.clock import Clock, rfc3339
from grappe.store.interface import Event, Store

DANGLING = "Dangling"


class DanglingConditions:
    """Runs from `start` to `stop`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._upkeep = Upkeep("flow schema", self._settle)
        self._loopback: Loopback | None = None

    async def start(self, loopback: Loopback) -> None:
        """Returns when it is said of all that are there, or has been refused."""
        self._loopback = loopback
        store = self._store
        names = [record.key for record in store.list(FLOW_SCHEMAS.bucket)]
        await asyncio.gather(*map(self._settle, names), return_exceptions=True)
        self._upkeep.follow(store, FLOW_SCHEMAS.bucket)
        self._upkeep.start(store.watch(LEVELS.bucket, store.revision, self._levels_changed))

    async def stop(self) -> None:
        await self._upkeep.stop()

    def _levels_changed(self, events: Sequence[Event]) -> None:
        if any(event.type != "MODIFIED" for event in events):
            self._upkeep.look_at(record.key for record in self._store.list(FLOW_SCHEMAS.bucket))

    async def _settle(self, name: str) -> None:
        record = self._store.get(FLOW_SCHEMAS.bucket, name)
        if record is None or self._loopback is None:
            return
        schema = body_of(record)
        level = schema["spec"]["priorityLevelConfiguration"]["name"]
        wanted = condition(level, exists=self._store.get(LEVELS.bucket, level) is not None)
        conditions = (schema.get("status") or {}).get("conditions") or []
        live: Object = next((each for each in conditions if each.get("type") == DANGLING), {})
        if all(live.get(field) == value for field, value in wanted.items()):
            return
        since = live.get("lastTransitionTime")
        if not since or live.get("status") != wanted["status"]:
            since = rfc3339(self._clock.now())
        others = [each for each in conditions if each.get("type") != DANGLING]
        patch = {
            "metadata": {"resourceVersion": str(record.revision)},
            "status": {"conditions": [*others, {**wanted, "lastTransitionTime": since}]},
        }
        await self._loopback.merge(FLOW_SCHEMAS, "", name, patch, "status")


def condition(level: str, *, exists: bool) -> Object:
    """What is said of a schema that names `level`, without when it became so."""
    named = f'This FlowSchema references the PriorityLevelConfiguration object named "{level}"'
    return {
        "type": DANGLING,
        "status": "False" if exists else "True",
        "reason": "Found" if exists else "NotFound",
        "message": f"{named} and it exists" if exists else f"{named} but there is no such object",
    }
