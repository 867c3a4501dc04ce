"""ConfigMaps and Secrets that pods on this node refer to, each watched by itself while in use.

One watch for each object, never a whole namespace: a node has no business with other Secrets
(https://kubernetes.io/docs/reference/access-authn-authz/node/).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable

from grappe.api import Object
from grappe.api.resources import CONFIG_MAPS, SECRETS, Resource
from grappe.client.informer import Informer
from grappe.client.interface import Client

_PATIENCE = 10.0
_RESOURCES = {"configmap": CONFIG_MAPS, "secret": SECRETS}


class CacheTimeout(Exception):
    """The API server did not tell in time whether the object exists."""


class _Watched:
    def __init__(self, client: Client, resource: Resource, namespace: str, name: str) -> None:
        self.informer = Informer(
            client, resource, namespace, field_selector=f"metadata.name={name}"
        )
        self.task: asyncio.Task[None] | None = None
        self.users: set[str] = set()
        self.followed = False


class References:
    """`changed(pod_uid)` is called for every user of an object that changes."""

    def __init__(self, client: Client, changed: Callable[[str], None]) -> None:
        self._client = client
        self._changed = changed
        self._watched: dict[tuple[str, str, str], _Watched] = {}

    async def get(self, kind: str, namespace: str, name: str, user: str) -> Object | None:
        """The object (`configmap` or `secret`), or None when there is none; from now on the user
        hears of its changes."""
        key = (kind, namespace, name)
        watched = self._watched.get(key)
        if watched is None:
            watched = _Watched(self._client, _RESOURCES[kind], namespace, name)
            self._watched[key] = watched
            watched.task = asyncio.create_task(
                watched.informer.run(), name=f"{kind} {namespace}/{name}"
            )
        watched.users.add(user)
        try:
            async with asyncio.timeout(_PATIENCE):
                await watched.informer.synced.wait()
        except TimeoutError:
            why = watched.informer.failure or "timed out waiting for the condition"
            raise CacheTimeout(f"failed to sync {kind} cache: {why}") from None
        if not watched.followed:
            watched.informer.add_handler(lambda *_: self._tell(watched))
            watched.followed = True
        return watched.informer.get(namespace, name)

    def keep(self, user: str, wanted: Iterable[tuple[str, str, str]]) -> None:
        """The user refers to these (kind, namespace, name) only; drop what nobody uses."""
        kept = set(wanted)
        for key, watched in list(self._watched.items()):
            if key not in kept:
                watched.users.discard(user)
            if not watched.users:
                if watched.task is not None:
                    watched.task.cancel()
                del self._watched[key]

    def release(self, user: str) -> None:
        self.keep(user, ())

    async def close(self) -> None:
        for watched in self._watched.values():
            if watched.task is not None:
                watched.task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await watched.task
        self._watched.clear()

    def _tell(self, watched: _Watched) -> None:
        if watched.followed:
            for user in list(watched.users):
                self._changed(user)
