"""Which resource serves a kind: what the server itself says, remembered.

https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
"""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import orjson

from grappe.api.errors import ApiError
from grappe.api.resources import Resource
from grappe.client.interface import Client


class UnknownKindError(Exception):
    """The server serves no such kind (perhaps not yet: a CRD may still come)."""

    def __init__(self, api_version: str, kind: str) -> None:
        super().__init__(f'no matches for kind "{kind}" in version "{api_version}"')
        self.api_version = api_version
        self.kind = kind


class RESTMapper:
    """Maps `apiVersion` and `kind` to the Resource that serves it. A kind it does not know makes
    it ask the server again."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, dict[str, Resource]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def resource(self, api_version: str, kind: str) -> Resource:
        """UnknownKindError when the server does not serve it; ApiError or TransportError when it
        could not be asked."""
        found = self._known.get(api_version, {}).get(kind)
        if found is not None:
            return found
        # One question at a time for each version, so that many misses at once ask once.
        asked = self._known.get(api_version)
        async with self._locks.setdefault(api_version, asyncio.Lock()):
            if self._known.get(api_version) is asked:
                self._known[api_version] = await self._fetch(api_version)
        try:
            return self._known[api_version][kind]
        except KeyError:
            raise UnknownKindError(api_version, kind) from None

    def forget(self, api_version: str) -> None:
        """Ask the server anew the next time, as after the deletion of a CRD."""
        self._known.pop(api_version, None)

    async def _fetch(self, api_version: str) -> dict[str, Resource]:
        group, _, version = api_version.rpartition("/")
        root = f"/apis/{quote(group)}/{quote(version)}" if group else f"/api/{quote(version)}"
        try:
            answer = await self._client.raw("GET", root)
        except ApiError as error:
            if error.code == 404:
                return {}
            raise
        entries = orjson.loads(answer.body).get("resources") or []
        subresources: dict[str, set[str]] = {}
        for entry in entries:
            plural, slash, subresource = entry["name"].partition("/")
            if slash:
                subresources.setdefault(plural, set()).add(subresource)
        return {
            entry["kind"]: Resource(
                group,
                version,
                entry["name"],
                entry["kind"],
                bool(entry["namespaced"]),
                entry.get("singularName") or entry["kind"].lower(),
                tuple(entry.get("shortNames") or ()),
                tuple(entry.get("categories") or ()),
                frozenset(subresources.get(entry["name"], ())),
                tuple(entry.get("verbs") or ()),
            )
            for entry in entries
            if "/" not in entry["name"]
        }
