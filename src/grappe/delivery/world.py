"""Look: everything one reconcile of an Application decides on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from grappe.api.resources import Resource
from grappe.client.discovery import RESTMapper, UnknownKindError
from grappe.delivery.application import Application
from grappe.delivery.desired import Desired
from grappe.delivery.diff.compare import Compared, Comparer
from grappe.delivery.live import LiveObjects
from grappe.delivery.resource import HOOK, annotation, owner_of, ref_of
from grappe.reconcile import Key


class World:
    """Compares an Application's desired state with the cluster."""

    def __init__(self, mapper: RESTMapper, live: LiveObjects, comparer: Comparer) -> None:
        self._mapper = mapper
        self._live = live
        self._comparer = comparer

    async def follow(self, key: Key, desired: Desired | None, known: Sequence[Any]) -> list[str]:
        """Watch the kinds wanted and those `known` (`status.resources`); what cannot be watched."""
        resources = set(desired.resources) if desired is not None else set()
        for entry in known:
            version = entry.get("version", "")
            group = entry.get("group")
            resource = await self._served(f"{group}/{version}" if group else version, entry["kind"])
            if resource is not None:
                resources.add(resource)
        return await self._live.use(key, resources)

    async def compare(self, app: Application, desired: Desired) -> list[Compared]:
        """Every resource wanted or there, in no particular order."""
        kept = await self._comparer.compare(app.name, desired.targets.kept, app.ignored)
        wanted = {target.ref for target in (*desired.targets.kept, *desired.targets.hooks)}
        extra = [
            Compared(ref_of(obj), resource, None, obj, False)
            for resource, obj in self._live.tracked(app.name)
            if ref_of(obj) not in wanted and not annotation(obj, HOOK)
        ]
        return [*kept, *extra]

    def shared(self, app: Application, compared: Sequence[Compared]) -> list[tuple[str, str]]:
        """Warnings about resources another Application has marked as its own."""
        warnings = []
        for one in compared:
            owner = owner_of(one.live) if one.live is not None else None
            if one.target is not None and owner not in (None, app.name):
                message = f"{one.ref} is part of applications {app.name} and {owner}"
                warnings.append(("SharedResourceWarning", message))
        return warnings

    async def _served(self, api_version: str, kind: str) -> Resource | None:
        try:
            return await self._mapper.resource(api_version, kind)
        except UnknownKindError:
            return None
