"""Follows the CustomResourceDefinitions in the store and offers what they serve.

A definition counts from the commit that brings it; its status, and the end of one that is
deleted, are written afterwards. Both are taken up again at the next start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import msgspec

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import CUSTOM_RESOURCE_DEFINITIONS, Resource
from grappe.apiserver.crd.conversion import WebhookConversion
from grappe.apiserver.crd.definition import CLEANUP_FINALIZER, Definition, Names, read_definition
from grappe.apiserver.crd.naming import Verdict, judge_names
from grappe.apiserver.crd.served import served_versions
from grappe.apiserver.crd.status import terminating, wanted_status
from grappe.apiserver.loopback import Loopback
from grappe.apiserver.outbound.webhook import Webhooks
from grappe.apiserver.records import body_of, text_of
from grappe.apiserver.registry.interface import ServedResource
from grappe.base.clock import Clock, rfc3339
from grappe.store.interface import (
    Draft,
    Event,
    Record,
    RevisionMismatchError,
    Store,
    Subscription,
)

log = logging.getLogger("grappe.apiserver.crd")

_BUCKET = CUSTOM_RESOURCE_DEFINITIONS.bucket
_RETRY = 0.2  # seconds until a refused status write or an unfinished clean-up is tried again
_LONGEST_RETRY = 5.0
_AT_ONCE = 100

_Facts = tuple[str, int, bool, Names]
"""What decides about the resources a definition serves: its uid, the generation of its spec,
whether it is going, its accepted names."""


class CustomResources:
    """The registry's CustomResources. `start` before the first request, `settle` once there is a
    handler to write through."""

    def __init__(
        self, store: Store, clock: Clock, webhooks: Webhooks, new_uid: Callable[[], str]
    ) -> None:
        self._store = store
        self._webhooks = webhooks
        self._new_uid = new_uid
        self._clock = clock
        self._definitions: dict[str, Definition] = {}
        self._by_definition: dict[str, tuple[_Facts, list[ServedResource]]] = {}
        self._by_path: dict[tuple[str, str, str], ServedResource] = {}
        self._subscription: Subscription | None = None
        self._loopback: Loopback | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self.generation = 0
        """Counts the changes of what is served."""

    # -- what is served ------------------------------------------------------------------------
    def lookup(self, group: str, version: str, plural: str) -> ServedResource | None:
        return self._by_path.get((group, version, plural))

    def served(self) -> Iterable[ServedResource]:
        return self._by_path.values()

    # -- following the store -------------------------------------------------------------------
    def start(self) -> None:
        """Read every definition and follow what changes."""
        self._definitions.clear()
        self._by_definition.clear()
        revision = self._store.revision
        for record in self._store.list(_BUCKET):
            self._take(record)
        for name in sorted(self._definitions):
            self._serve(name)
        self._index()
        self._subscription = self._store.watch(_BUCKET, revision, self._apply)

    def settle(self, loopback: Loopback) -> None:
        """From now on keep the status of definitions true, and finish the deleted ones."""
        self._loopback = loopback
        for name in self._definitions:
            self._look_after(name)

    async def stop(self) -> None:
        if self._subscription is not None:
            self._subscription.cancel()
        self._loopback = None
        running = list(self._tasks.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _apply(self, events: Sequence[Event]) -> None:
        touched: set[str] = set()
        for event in events:
            name = event.record.key
            if event.type == "DELETED":
                gone = self._definitions.pop(name, None)
                self._by_definition.pop(name, None)
                self.generation += 1
                group = gone.group if gone else ""
            else:
                group = self._take(event.record)
                touched.add(name)
            # A change may free names that others of the group wait for.
            touched.update(
                other.name
                for other in self._definitions.values()
                if other.group == group and other.condition("NamesAccepted") == "False"
            )
        for name in sorted(touched & self._definitions.keys()):
            self._serve(name)
            self._look_after(name)
        self._index()

    def _take(self, record: Record) -> str:
        """Remember what a record says; the group it speaks of."""
        try:
            definition = read_definition(text_of(record), record.revision)
        except msgspec.ValidationError as error:
            log.error("%s cannot be read: %s", record.key, error)
            return ""
        self._definitions[definition.name] = definition
        return definition.group

    def _verdict(self, definition: Definition) -> Verdict:
        return judge_names(definition, self._definitions.values())

    def _serve(self, name: str) -> None:
        """Settle what a definition serves. A change of its status alone keeps what is there, with
        the schema that was read."""
        definition = self._definitions[name]
        verdict = self._verdict(definition)
        if not verdict.accepted and definition.condition("Established") != "True":
            if self._by_definition.pop(name, None) is not None:
                self.generation += 1
            return
        facts = (definition.uid, definition.generation, definition.terminating, verdict.names)
        kept = self._by_definition.get(name)
        if kept is None or kept[0] != facts:
            served = served_versions(
                definition,
                verdict.names,
                lambda version: self._schema(name, version),
                self._conversion(definition, verdict.names),
            )
            self._by_definition[name] = (facts, list(served))
            self.generation += 1

    def _conversion(self, definition: Definition, names: Names) -> WebhookConversion | None:
        if definition.webhook is None:
            return None
        stored = definition.status.get("storedVersions") or [definition.storage_version]
        return WebhookConversion(
            self._webhooks,
            definition.webhook,
            self._new_uid,
            kind=names.kind,
            storage=f"{definition.group}/{definition.storage_version}",
            oldest=f"{definition.group}/{stored[0]}",
        )

    def _index(self) -> None:
        self._by_path = {
            (served.resource.group, served.resource.version, served.resource.plural): served
            for _, (_, versions) in sorted(self._by_definition.items())
            for served in versions
        }

    def _schema(self, name: str, version: str) -> Object | None:
        record = self._store.get(_BUCKET, name)
        for found in (body_of(record)["spec"].get("versions") or ()) if record else ():
            if found["name"] == version:
                schema: Object | None = (found.get("schema") or {}).get("openAPIV3Schema")
                return schema
        return None

    # -- keeping status true, finishing deletions ----------------------------------------------
    def _look_after(self, name: str) -> None:
        running = self._tasks.get(name)
        if self._loopback is None or (running is not None and not running.done()):
            return
        task = asyncio.get_running_loop().create_task(
            self._until_settled(self._loopback, name), name=f"crd {name}"
        )
        self._tasks[name] = task
        task.add_done_callback(lambda done: self._forget(name, done))

    def _forget(self, name: str, done: asyncio.Task[None]) -> None:
        if self._tasks.get(name) is done:
            del self._tasks[name]

    async def _until_settled(self, loopback: Loopback, name: str) -> None:
        wait = _RETRY
        while (definition := self._definitions.get(name)) is not None:
            try:
                if definition.terminating:
                    if CLEANUP_FINALIZER not in definition.finalizers:
                        return
                    settled = await self._clean_up(loopback, definition)
                else:
                    settled = await self._write_status(loopback, definition)
            except ApiError as error:
                if error.code not in (404, 409):
                    log.warning("%s: %s", name, error)
                settled = False
            if settled:
                return
            if self._definitions.get(name) is definition:
                await asyncio.sleep(wait)
                wait = min(wait * 2, _LONGEST_RETRY)

    async def _write_status(self, loopback: Loopback, definition: Definition) -> bool:
        now = rfc3339(self._clock.now())
        status = wanted_status(definition, self._verdict(definition), now)
        if status == definition.status:
            return True
        await self._put_status(loopback, definition, status)
        return False  # look once more: what was written may not be what is wanted by now

    async def _put_status(self, loopback: Loopback, definition: Definition, status: Object) -> None:
        """Write on top of what `definition` was read from; anything newer refuses it."""
        patch = {"metadata": {"resourceVersion": str(definition.revision)}, "status": status}
        await loopback.merge(
            CUSTOM_RESOURCE_DEFINITIONS, "", definition.name, patch, subresource="status"
        )

    async def _clean_up(self, loopback: Loopback, definition: Definition) -> bool:
        """Delete the objects of a definition that is going, then let it go."""
        bucket = f"{definition.group}/{definition.accepted.plural}"
        if self._store.count(bucket):
            await self._delete_objects(loopback, definition, bucket)
            if self._store.count(bucket):
                return False  # finalizers of the objects are waited for
        now = rfc3339(self._clock.now())
        status = terminating(
            definition.status, "InstanceDeletionCompleted", "removed all instances", "False", now
        )
        if definition.condition("Terminating") != "False":
            await self._put_status(loopback, definition, status)
            return False
        left = [name for name in definition.finalizers if name != CLEANUP_FINALIZER]
        version = str(definition.revision)
        patch = {"metadata": {"resourceVersion": version, "finalizers": left}}
        await loopback.merge(CUSTOM_RESOURCE_DEFINITIONS, "", definition.name, patch)
        return True

    async def _delete_objects(
        self, loopback: Loopback, definition: Definition, bucket: str
    ) -> None:
        served = self._by_definition.get(definition.name, (None, []))[1]
        records = self._store.list(bucket)
        for start in range(0, len(records), _AT_ONCE):
            await asyncio.gather(
                *(
                    self._delete(loopback, _stored(served).resource, record)
                    if served
                    else self._drop(bucket, record)
                    for record in records[start : start + _AT_ONCE]
                )
            )

    async def _delete(self, loopback: Loopback, resource: Resource, record: Record) -> None:
        namespace, _, name = record.key.rpartition("/")
        try:
            await loopback.delete(resource, namespace, name)
        except ApiError as error:
            if error.code != 404:
                raise

    async def _drop(self, bucket: str, record: Record) -> None:
        """Remove what no version serves any more, so that nothing can."""
        last = Draft(body=record.body, labels=record.labels, fields=record.fields)
        with suppress(RevisionMismatchError):
            await self._store.delete(bucket, record.key, record.revision, lambda revision: last)


def _stored(served: Sequence[ServedResource]) -> ServedResource:
    """The version that is stored, if it is served: its objects need no conversion."""
    return next((s for s in served if s.storage_version == s.resource.api_version), served[0])
