"""What is in the cluster: informers on the kinds Applications own, read after our own writes.

Only objects marked by an Application are kept in memory; any other is asked for by name.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Hashable, Iterable, Sequence

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import Resource
from grappe.client.informer import Informer, without_managed_fields
from grappe.client.interface import Client
from grappe.delivery.resource import Ref, owner_of, ref_of

_SYNC_SECONDS = 10.0
_OVERLAY_SECONDS = 30.0


class LiveObjects:
    """`changed(app)` is called with an Application's tracking name when something of it changes."""

    def __init__(self, client: Client, changed: Callable[[str], None]) -> None:
        self._client = client
        self._changed = changed
        self._informers: dict[Resource, Informer] = {}
        self._tasks: dict[Resource, asyncio.Task[None]] = {}
        self._used: dict[Hashable, frozenset[Resource]] = {}
        # What our last writes answered (None: deleted), until the informer has seen it too.
        self._written: dict[tuple[Resource, Ref], tuple[Object | None, str, float]] = {}

    async def use(self, user: Hashable, resources: Iterable[Resource]) -> list[str]:
        """Follow these kinds for that user. Returns what cannot be followed, and why."""
        wanted = frozenset(r for r in resources if "watch" in r.verbs)
        self._used[user] = wanted
        self._stop_unused()
        for resource in wanted - self._informers.keys():
            self._start(resource)
        failures = []
        for resource in sorted(wanted, key=lambda r: r.qualified):
            informer = self._informers[resource]
            with contextlib.suppress(TimeoutError):
                # Not wait_for: before Python 3.12 it can swallow a cancellation.
                async with asyncio.timeout(_SYNC_SECONDS):
                    await informer.tried.wait()
            if not informer.synced.is_set():
                why = informer.failure or "no answer"
                failures.append(f"cannot watch {resource.qualified}: {why}")
        return failures

    def forget(self, user: Hashable) -> None:
        self._used.pop(user, None)
        self._stop_unused()

    def tracked(self, app: str) -> list[tuple[Resource, Object]]:
        """Everything an Application has marked as its own, of the kinds followed."""
        found = []
        for resource, informer in self._informers.items():
            for obj in informer.by_index("app", app):
                latest = self._latest(resource, ref_of(obj), obj)
                if latest is not None:
                    found.append((resource, latest))
        return found

    async def get(self, resource: Resource, ref: Ref) -> Object | None:
        """The object as it is, or as our last write left it; None when there is none."""
        informer = self._informers.get(resource)
        seen = informer.get(ref.namespace, ref.name) if informer is not None else None
        if seen is None and (resource, ref) not in self._written:
            return await self.read(resource, ref)
        latest = self._latest(resource, ref, seen)
        if latest is None and seen is None:
            return await self.read(resource, ref)
        return latest

    async def read(self, resource: Resource, ref: Ref) -> Object | None:
        """Ask the server, managedFields and all."""
        try:
            return await self._client.get(resource, ref.name, ref.namespace or None)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def wrote(self, resource: Resource, obj: Object) -> None:
        """Remember what a write answered."""
        kept = without_managed_fields(obj)
        now = asyncio.get_running_loop().time()
        self._written[resource, ref_of(obj)] = kept, kept["metadata"]["uid"], now

    def deleted(self, resource: Resource, obj: Object) -> None:
        """Remember that an object is gone."""
        now = asyncio.get_running_loop().time()
        self._written[resource, ref_of(obj)] = None, obj["metadata"]["uid"], now

    async def run(self) -> None:
        """Own the informers' tasks until cancelled."""
        try:
            await asyncio.Event().wait()
        finally:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    # -- within ----------------------------------------------------------------------------
    def _latest(self, resource: Resource, ref: Ref, seen: Object | None) -> Object | None:
        """The later of what the informer holds and what we wrote."""
        entry = self._written.get((resource, ref))
        if entry is None:
            return seen
        written, uid, when = entry
        too_old = asyncio.get_running_loop().time() - when > _OVERLAY_SECONDS
        if too_old or _caught_up(seen, written, uid):
            del self._written[resource, ref]
            return seen
        return written

    def _start(self, resource: Resource) -> None:
        informer = Informer(
            self._client,
            resource,
            transform=_only_tracked,
            indexes={"app": lambda obj: filter(None, (owner_of(obj),))},
        )
        informer.add_handler(self._on_change)
        self._informers[resource] = informer
        name = f"informer {resource.qualified}"
        self._tasks[resource] = asyncio.create_task(informer.run(), name=name)

    def _stop_unused(self) -> None:
        used = frozenset[Resource]().union(*self._used.values())
        for resource in [r for r in self._informers if r not in used]:
            del self._informers[resource]
            self._tasks.pop(resource).cancel()

    def _on_change(self, event_type: str, obj: Object, old: Object | None) -> None:
        apps = {owner_of(obj), owner_of(old) if old is not None else None}
        if event_type == "DELETED":
            for resource in [r for r, i in self._informers.items() if r.kind == obj["kind"]]:
                self._forget_written(resource, obj)
        for app in apps - {None}:
            self._changed(str(app))

    def _forget_written(self, resource: Resource, obj: Object) -> None:
        """What we wrote of an object that is gone counts no more."""
        entry = self._written.get((resource, ref_of(obj)))
        if entry is not None and entry[1] == obj["metadata"].get("uid"):
            del self._written[resource, ref_of(obj)]


def _only_tracked(obj: Object) -> Object | None:
    return without_managed_fields(obj) if owner_of(obj) is not None else None


def _caught_up(seen: Object | None, written: Object | None, uid: str) -> bool:
    if written is None:
        return seen is None or seen["metadata"].get("uid") != uid
    if seen is None:
        return False
    versions: Sequence[str] = [o["metadata"].get("resourceVersion", "") for o in (seen, written)]
    if all(version.isdigit() for version in versions):
        return int(versions[0]) >= int(versions[1])
    return versions[0] == versions[1]
