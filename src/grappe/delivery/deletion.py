"""Deleting an Application: with its finalizer, what it deployed goes first.

https://argo-cd.readthedocs.io/en/stable/user-guide/app_deletion/
"""

from __future__ import annotations

from collections.abc import Sequence

from grappe.api import Object
from grappe.api.resources import APPLICATIONS, Resource
from grappe.client.interface import Client
from grappe.delivery.application import instance_name
from grappe.delivery.live import LiveObjects
from grappe.delivery.resource import SYNC_OPTIONS, options, ref_of, sync_wave
from grappe.delivery.sync.order import sort_key
from grappe.delivery.sync.perform import Performer
from grappe.delivery.world import World
from grappe.reconcile import Key, Result, finalizers

_FINALIZERS = {
    "resources-finalizer.argocd.argoproj.io": "foreground",
    "resources-finalizer.argocd.argoproj.io/foreground": "foreground",
    "foreground-finalizer.resources-finalizer.argocd.argoproj.io": "foreground",
    "resources-finalizer.argocd.argoproj.io/background": "background",
    "background-finalizer.resources-finalizer.argocd.argoproj.io": "background",
}
_LOOK_AGAIN = 5.0

Owned = tuple[Resource, Object]


class DeletionError(Exception):
    """What an Application deployed cannot be deleted; the message says why."""


def cascade(application: Object) -> str | None:
    """How to delete what it deployed; None: it is to stay."""
    for finalizer in application["metadata"].get("finalizers") or ():
        if finalizer in _FINALIZERS:
            return _FINALIZERS[finalizer]
    return None


def next_to_delete(owned: Sequence[Owned]) -> list[Owned]:
    """The last wave still there, in the opposite order of kinds; [] when nothing is left.

    Objects that say Delete=false stay.
    """
    there = [o for o in owned if "Delete=false" not in options(o[1], SYNC_OPTIONS)]
    if not there:
        return []
    wave = max(sync_wave(obj) for _, obj in there)
    last = [o for o in there if sync_wave(o[1]) == wave]
    return sorted(last, key=lambda o: sort_key(ref_of(o[1])), reverse=True)


class Deletion:
    """Raises DeletionError, ApiError, TransportError; called again it goes on where it was."""

    def __init__(
        self, client: Client, world: World, live: LiveObjects, performer: Performer
    ) -> None:
        self._client = client
        self._world = world
        self._live = live
        self._performer = performer

    async def proceed(self, key: Key, application: Object) -> Result | None:
        """Delete the next wave; None once the Application's finalizers are off."""
        propagation = cascade(application)
        if propagation is None:
            return None
        known = (application.get("status") or {}).get("resources") or ()
        failures = await self._world.follow(key, None, known)
        if failures:
            raise DeletionError("; ".join(failures))
        name = instance_name(application)
        while waiting := next_to_delete(self._live.tracked(name)):
            if all(obj["metadata"].get("deletionTimestamp") for _, obj in waiting):
                return Result(requeue_after=_LOOK_AGAIN)  # until then the informers tell
            for resource, obj in waiting:
                await self._performer.delete(resource, obj, propagation)
        for finalizer in _FINALIZERS:
            if finalizers.has(application, finalizer):
                newest = await finalizers.remove(self._client, APPLICATIONS, application, finalizer)
                if newest is None:
                    break
                application = newest
        return None
