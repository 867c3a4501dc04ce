"""The API server as its own client: requests that never leave the process.

For the parts of the server that keep objects true (default objects, the status of
CustomResourceDefinitions), so that their writes take the same way as everyone's.
"""

from __future__ import annotations

import inspect
from urllib.parse import urlencode

import orjson

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import Resource
from grappe.apiserver.http.messages import Handler, Request, Response, User

APISERVER = User("system:apiserver", ("system:masters", "system:authenticated"))
_FIELD_MANAGER = "kube-apiserver"


class Loopback:
    """Typed by resource like every client; raises ApiError for an answer other than success."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler

    async def create(self, resource: Resource, obj: Object) -> Object:
        namespace = obj["metadata"].get("namespace")
        return await self._send("POST", resource.path(namespace), obj)

    async def update(self, resource: Resource, obj: Object, subresource: str = "") -> Object:
        metadata = obj["metadata"]
        path = resource.path(metadata.get("namespace"), metadata["name"], subresource or None)
        return await self._send("PUT", path, obj)

    async def merge(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        patch: Object,
        subresource: str = "",
    ) -> Object:
        """A JSON merge patch."""
        path = resource.path(namespace or None, name, subresource or None)
        return await self._send("PATCH", path, patch, "application/merge-patch+json")

    async def delete(self, resource: Resource, namespace: str, name: str) -> Object:
        return await self._send("DELETE", resource.path(namespace or None, name), None)

    async def _send(
        self, method: str, path: str, obj: Object | None, sent: str = "application/json"
    ) -> Object:
        body = b"" if obj is None else orjson.dumps(obj)
        query = "" if obj is None else urlencode({"fieldManager": _FIELD_MANAGER})
        headers = {"content-type": sent, "accept": "application/json"}
        answer = self._handler(Request(method, path, query, headers, body, user=APISERVER))
        if inspect.isawaitable(answer):
            answer = await answer
        if not isinstance(answer, Response):
            raise TypeError(f"{method} {path} was answered with a {type(answer).__name__}")
        whole = answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)
        found: Object = orjson.loads(whole)
        if answer.status >= 300:
            raise ApiError.from_status(answer.status, found)
        return found
