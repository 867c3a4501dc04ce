"""Writes ControllerRevisions for an owner."""

from __future__ import annotations

from collections.abc import Collection

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import CONTROLLER_REVISIONS
from grappe.client.interface import Client
from grappe.controllers.informers import CONTROLLER, SharedInformers
from grappe.controllers.own_writes import OwnWrites
from grappe.controllers.revisions import history, removable


class RevisionControl:
    """The revisions of one kind of owner."""

    def __init__(self, client: Client, informers: SharedInformers) -> None:
        self._client = client
        self._revisions = informers.of(CONTROLLER_REVISIONS)
        self._own = OwnWrites(self._revisions)

    def of(self, owner: Object) -> list[Object]:
        """Every revision of an owner."""
        uid = owner["metadata"]["uid"]
        return self._own.merged(uid, self._revisions.by_index(CONTROLLER, uid))

    async def newest(self, owner: Object) -> Object:
        """The revision of the owner's present template, written if need be. ApiError 409 when
        its name is taken by something else."""
        found = history(owner, self.of(owner))
        uid = owner["metadata"]["uid"]
        if found.create:
            made = await self._create(owner, found.newest)
        elif found.renumber:
            meta = found.newest["metadata"]
            patch = {"revision": found.newest["revision"], "metadata": {"uid": meta["uid"]}}
            made = await self._client.patch(
                CONTROLLER_REVISIONS, meta["name"], patch, meta["namespace"]
            )
        else:
            return found.newest
        self._own.wrote(uid, made)
        return made

    async def _create(self, owner: Object, revision: Object) -> Object:
        try:
            return await self._client.create(CONTROLLER_REVISIONS, revision)
        except ApiError as error:
            if error.reason != "AlreadyExists":
                raise
        meta = revision["metadata"]
        present = await self._client.get(CONTROLLER_REVISIONS, meta["name"], meta["namespace"])
        if history(owner, [present]).create:
            raise ApiError(409, "Conflict", f"ControllerRevision {meta['name']} is another's")
        return present

    async def forget_old(self, owner: Object, used: Collection[str]) -> None:
        """Keep to `revisionHistoryLimit`."""
        for revision in removable(owner, self.of(owner), used):
            meta = revision["metadata"]
            try:
                await self._client.delete(
                    CONTROLLER_REVISIONS, meta["name"], meta["namespace"], uid=meta["uid"]
                )
            except ApiError as error:
                if error.code not in (404, 409):
                    raise
            self._own.deleted(owner["metadata"]["uid"], revision)
