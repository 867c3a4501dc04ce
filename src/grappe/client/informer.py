"""A local copy of a collection, kept true by list and watch, that tells handlers what changed.

As client-go's reflector does it: list, then watch from the list's revision; after a lost
connection watch on from the last revision seen; after `410 Gone` list again. Nothing is re-sent
without a change (no resync).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Literal, TypeAlias

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import Resource
from grappe.client.interface import Client, TransportError

log = logging.getLogger(__name__)

EventType = Literal["ADDED", "MODIFIED", "DELETED"]
Handler: TypeAlias = Callable[[EventType, Object, Object | None], None]
IndexFunction: TypeAlias = Callable[[Object], Iterable[str]]
Transform: TypeAlias = Callable[[Object], Object | None]

_PAGE = 500
_BACKOFF_FIRST = 0.1
_BACKOFF_LIMIT = 10.0
_WATCH_SECONDS = (300, 600)
_TURN = 0.002
"""Seconds after which a long list lets others have their turn."""


def without_managed_fields(obj: Object) -> Object:
    """What an informer keeps unless told otherwise: field ownership is of no use to controllers
    and often the larger half of an object."""
    obj["metadata"].pop("managedFields", None)
    return obj


class Informer:
    """Objects handed out are the cache's own: never change them.

    `indexes` maps a name to a function from an object to the values it is found by. `transform`
    sees each object first and returns what to keep; None: not to keep it at all. Of what is not
    kept handlers hear nothing but, with `all_deletions`, that a watch saw it deleted.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        indexes: Mapping[str, IndexFunction] | None = None,
        transform: Transform = without_managed_fields,
        all_deletions: bool = False,
    ) -> None:
        self.resource = resource
        self.synced = asyncio.Event()
        """Set once the first list is complete and its handlers have been called."""
        self.tried = asyncio.Event()
        """Set once the first list is complete or has failed; then `failure` says why."""
        self.failure = ""
        """Why the copy cannot be kept up to date at the moment; empty when it is."""
        self._client = client
        self._namespace = namespace
        self._label_selector = label_selector
        self._field_selector = field_selector
        self._transform = transform
        self._all_deletions = all_deletions
        self._index_functions = dict(indexes or {})
        self._objects: dict[tuple[str, str], Object] = {}
        self._indexes: dict[str, dict[str, dict[tuple[str, str], Object]]] = {
            name: {} for name in self._index_functions
        }
        self._handlers: list[Handler] = []
        self._list_handlers: list[Callable[[], None]] = []
        self._revision = ""

    # -- reading -------------------------------------------------------------------------
    def get(self, namespace: str | None, name: str) -> Object | None:
        return self._objects.get((namespace or "", name))

    def list(self, namespace: str | None = None) -> Sequence[Object]:
        """Every object, or those of one namespace."""
        if namespace is None:
            return [*self._objects.values()]
        return [obj for (found, _), obj in self._objects.items() if found == namespace]

    def by_index(self, name: str, value: str) -> Sequence[Object]:
        return [*self._indexes[name].get(value, {}).values()]

    @property
    def revision(self) -> int:
        """The resource version up to which the copy is complete; 0 when it has to be listed."""
        return int(self._revision or 0)

    def add_handler(self, handler: Handler) -> None:
        """Call `handler(type, object, old)` for each change from now on, after an ADDED for
        everything already here.

        `old` is what the copy held before: None for ADDED. For DELETED `object` is the last state.
        Handlers are called in order, must be quick, and what they raise is logged.
        """
        self._handlers.append(handler)
        for obj in self.list():
            self._call(handler, "ADDED", obj, None)

    def add_list_handler(self, handler: Callable[[], None]) -> None:
        """Call `handler()` after each complete list: deletions may have been missed before it."""
        self._list_handlers.append(handler)

    # -- keeping up ----------------------------------------------------------------------
    async def run(self) -> None:
        """Keep the copy true until cancelled; never ends by itself, whatever the server does."""
        pause = _BACKOFF_FIRST
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                if not self._revision:
                    await self._list()
                    self.synced.set()
                    self.tried.set()
                    self.failure = ""
                await self._watch()
                self.failure = ""
            except ApiError as error:
                self._revision = ""
                if error.code != 410:  # the way of the world: list again
                    self._note_failure(error.message)
            except TransportError as error:
                self._note_failure(str(error))
            except (KeyError, TypeError, ValueError) as error:
                self._revision = ""
                self._note_failure(f"an answer that is not understood: {error!r}")
            if loop.time() - began > _BACKOFF_LIMIT:
                pause = _BACKOFF_FIRST
            await asyncio.sleep(pause * random.uniform(1.0, 1.5))
            pause = min(pause * 2, _BACKOFF_LIMIT)

    async def _list(self) -> None:
        found: dict[tuple[str, str], Object] = {}
        token, revision = "", ""
        while True:
            page = await self._client.list(
                self.resource,
                self._namespace,
                label_selector=self._label_selector,
                field_selector=self._field_selector,
                limit=_PAGE,
                continue_token=token,
            )
            for obj in page.items:
                key = _key(obj)
                if (kept := self._transform(obj)) is not None:
                    found[key] = kept
            token, revision = page.continue_token, page.resource_version
            if not token:
                break
            # Within the server's process a page comes without waiting, and so would all others.
            await asyncio.sleep(0)
        for key in [*self._objects]:
            if key not in found:
                self._remove(key, self._objects[key])
        loop = asyncio.get_running_loop()
        began = loop.time()
        for key, obj in found.items():
            self._set(key, obj)
            if loop.time() - began > _TURN:
                await asyncio.sleep(0)
                began = loop.time()
        self._revision = revision
        for handler in self._list_handlers:
            handler()

    async def _watch(self) -> None:
        """Follow until the server ends the watch."""
        watch = self._client.watch(
            self.resource,
            self._namespace,
            resource_version=self._revision,
            label_selector=self._label_selector,
            field_selector=self._field_selector,
            timeout_seconds=random.randint(*_WATCH_SECONDS),
        )
        try:
            async for event in watch:
                self.failure = ""
                if event.type != "BOOKMARK":
                    self._take(event.type, event.object)
                self._revision = event.object["metadata"]["resourceVersion"]
        finally:
            # Ends the request now, not when the iterator is collected.
            if (aclose := getattr(watch, "aclose", None)) is not None:
                await aclose()

    def _take(self, event_type: str, obj: Object) -> None:
        key = _key(obj)
        kept = self._transform(obj)
        if event_type != "DELETED" and kept is not None:
            self._set(key, kept)
        elif key in self._objects:
            self._remove(key, kept if kept is not None else self._objects[key])
        elif event_type == "DELETED" and self._all_deletions:
            self._tell("DELETED", obj, None)

    # -- the copy ------------------------------------------------------------------------
    def _set(self, key: tuple[str, str], obj: Object) -> None:
        old = self._objects.get(key)
        if old is not None and _same_version(old, obj):
            return
        self._unindex(key, old)
        self._objects[key] = obj
        for name, function in self._index_functions.items():
            for value in self._values(name, function, obj):
                self._indexes[name].setdefault(value, {})[key] = obj
        self._tell("ADDED" if old is None else "MODIFIED", obj, old)

    def _remove(self, key: tuple[str, str], last: Object) -> None:
        old = self._objects.pop(key)
        self._unindex(key, old)
        self._tell("DELETED", last, old)

    def _unindex(self, key: tuple[str, str], old: Object | None) -> None:
        if old is None:
            return
        for name, function in self._index_functions.items():
            for value in self._values(name, function, old):
                bucket = self._indexes[name].get(value)
                if bucket is not None:
                    bucket.pop(key, None)
                    if not bucket:
                        del self._indexes[name][value]

    def _values(self, name: str, function: IndexFunction, obj: Object) -> set[str]:
        try:
            return set(function(obj))
        except Exception:
            log.exception("index %s of %s", name, self.resource.qualified)
            return set()

    def _tell(self, event_type: EventType, obj: Object, old: Object | None) -> None:
        for handler in self._handlers:
            self._call(handler, event_type, obj, old)

    def _call(
        self, handler: Handler, event_type: EventType, obj: Object, old: Object | None
    ) -> None:
        try:
            handler(event_type, obj, old)
        except Exception:
            log.exception("a handler of %s failed", self.resource.qualified)

    def _note_failure(self, why: str) -> None:
        if why != self.failure:
            log.warning("watching %s: %s", self.resource.qualified, why)
        self.failure = why
        self.tried.set()


async def until_synced(*informers: Informer) -> None:
    """Wait until every one of them holds its first list."""
    for informer in informers:
        await informer.synced.wait()


@contextlib.asynccontextmanager
async def running(*informers: Informer) -> AsyncIterator[None]:
    """Run informers as tasks for the length of a block, which begins once all are synced."""
    tasks = [asyncio.create_task(i.run(), name=f"informer {i.resource.plural}") for i in informers]
    try:
        await until_synced(*informers)
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _key(obj: Object) -> tuple[str, str]:
    meta = obj["metadata"]
    return meta.get("namespace", ""), meta["name"]


def _same_version(a: Object, b: Object) -> bool:
    version = a["metadata"].get("resourceVersion")
    return version is not None and version == b["metadata"].get("resourceVersion")
