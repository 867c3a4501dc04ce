"""The Client: Kubernetes verbs as HTTP requests over any Transport.

Paths, parameters and bodies as in https://kubernetes.io/docs/reference/using-api/api-concepts/.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import orjson

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import Resource
from grappe.client.interface import (
    Answer,
    ObjectList,
    PatchType,
    Propagation,
    Transport,
    WatchEvent,
)
from grappe.client.status import error_of

_JSON = {"accept": "application/json"}
_JSON_BODY = {"accept": "application/json", "content-type": "application/json"}


class RestClient:
    """`grappe.client.interface.Client` over a Transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        subresource: str | None = None,
    ) -> Object:
        return await self._object("GET", resource.path(namespace, name, subresource), {})

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
        limit: int = 0,
        continue_token: str = "",
        resource_version: str = "",
    ) -> ObjectList:
        query = _given(
            labelSelector=label_selector,
            fieldSelector=field_selector,
            limit=str(limit) if limit else "",
            resourceVersion=resource_version,
            **{"continue": continue_token},
        )
        body = await self._object("GET", resource.path(namespace), query)
        items: list[Object] = body.get("items") or []
        for item in items:
            item.setdefault("apiVersion", resource.api_version)
            item.setdefault("kind", resource.kind)
        meta = body.get("metadata") or {}
        return ObjectList(items, meta.get("resourceVersion", ""), meta.get("continue", ""))

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str = "",
        field_selector: str = "",
        timeout_seconds: int = 0,
    ) -> AsyncIterator[WatchEvent]:
        query = _given(
            watch="true",
            allowWatchBookmarks="true",
            resourceVersion=resource_version,
            labelSelector=label_selector,
            fieldSelector=field_selector,
            timeoutSeconds=str(timeout_seconds) if timeout_seconds else "",
        )
        lines = self._transport.stream(resource.path(namespace), query, _JSON)
        try:
            async for line in lines:
                event = orjson.loads(line)
                if event["type"] == "ERROR":
                    raise ApiError.from_status(500, event.get("object") or {})
                yield WatchEvent(event["type"], event["object"])
        finally:
            # End the request now, not when the iterator is collected.
            if (aclose := getattr(lines, "aclose", None)) is not None:
                await aclose()

    async def create(
        self,
        resource: Resource,
        obj: Object,
        namespace: str | None = None,
        *,
        name: str | None = None,
        subresource: str | None = None,
        dry_run: bool = False,
        field_manager: str = "",
    ) -> Object:
        where = namespace or _namespace(obj)
        path = resource.path(where, name if subresource else None, subresource)
        query = _given(dryRun="All" if dry_run else "", fieldManager=field_manager)
        return await self._object("POST", path, query, orjson.dumps(obj))

    async def update(
        self,
        resource: Resource,
        obj: Object,
        *,
        subresource: str | None = None,
        field_manager: str = "",
    ) -> Object:
        path = resource.path(_namespace(obj), obj["metadata"]["name"], subresource)
        query = _given(fieldManager=field_manager)
        return await self._object("PUT", path, query, orjson.dumps(obj))

    async def patch(
        self,
        resource: Resource,
        name: str,
        patch: Any,
        namespace: str | None = None,
        *,
        patch_type: PatchType = "application/merge-patch+json",
        subresource: str | None = None,
        field_manager: str = "",
        force: bool = False,
        dry_run: bool = False,
    ) -> Object:
        query = _given(
            fieldManager=field_manager,
            force="true" if force else "",
            dryRun="All" if dry_run else "",
        )
        path = resource.path(namespace, name, subresource)
        headers = {"accept": "application/json", "content-type": patch_type}
        return await self._object("PATCH", path, query, orjson.dumps(patch), headers)

    async def apply(
        self,
        resource: Resource,
        obj: Object,
        *,
        field_manager: str,
        force: bool = False,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> Object:
        return await self.patch(
            resource,
            obj["metadata"]["name"],
            obj,
            _namespace(obj),
            patch_type="application/apply-patch+yaml",
            subresource=subresource,
            field_manager=field_manager,
            force=force,
            dry_run=dry_run,
        )

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        propagation: Propagation | None = None,
        grace_period: int | None = None,
        uid: str = "",
        resource_version: str = "",
    ) -> Object:
        options: Object = {"apiVersion": "v1", "kind": "DeleteOptions"}
        if propagation is not None:
            options["propagationPolicy"] = propagation
        if grace_period is not None:
            options["gracePeriodSeconds"] = grace_period
        if uid or resource_version:
            options["preconditions"] = _given(uid=uid, resourceVersion=resource_version)
        path = resource.path(namespace, name)
        return await self._object("DELETE", path, {}, orjson.dumps(options))

    async def delete_collection(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str = "",
        field_selector: str = "",
    ) -> None:
        query = _given(labelSelector=label_selector, fieldSelector=field_selector)
        await self._object("DELETE", resource.path(namespace), query)

    async def raw(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        answer = await self._transport.request(method, path, query or {}, headers or _JSON, body)
        if not 200 <= answer.status < 300:
            raise error_of(answer.status, answer.body)
        return answer

    async def close(self) -> None:
        await self._transport.close()

    async def _object(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Object:
        sent = headers or (_JSON_BODY if body else _JSON)
        answer = await self.raw(method, path, query, body, sent)
        try:
            decoded: Object = orjson.loads(answer.body)
        except orjson.JSONDecodeError:
            raise ApiError(
                answer.status, "", f"{path} did not answer with JSON: is this an API server?"
            ) from None
        return decoded


def _given(**parameters: str) -> dict[str, str]:
    """Those query parameters that say something."""
    return {name: value for name, value in parameters.items() if value}


def _namespace(obj: Object) -> str | None:
    namespace: str | None = obj["metadata"].get("namespace")
    return namespace
