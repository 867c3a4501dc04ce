"""The API server over HTTPS, as a client of another process sees it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from grappe.client.https import HttpsTransport
from grappe.client.kubeconfig import load
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import Reply
from tests.cluster.people import Kubectl, administrator

Object = dict[str, Any]


class Api:
    """Requests as the administrator, by method and path."""

    def __init__(self, transport: HttpsTransport) -> None:
        self._transport = transport

    async def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        **query: str,
    ) -> Reply:
        sent = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        sent_as = {"content-type": "application/json", **(headers or {})}
        answer = await self._transport.request(method, path, query, sent_as, sent)
        is_json = answer.body.startswith((b"{", b"["))
        read = orjson.loads(answer.body) if is_json else answer.body
        return Reply(answer.status, answer.headers, read)

    async def ok(self, method: str, path: str, body: Any = None, **query: str) -> Any:
        """The body of a success."""
        reply = await self(method, path, body, **query)
        assert reply.status in (200, 201, 202), (method, path, reply)
        return reply.body

    async def merge(self, path: str, patch: Any, **query: str) -> Any:
        """The object after a merge patch."""
        headers = {"content-type": "application/merge-patch+json"}
        reply = await self("PATCH", path, patch, headers, **query)
        assert reply.status == 200, reply
        return reply.body

    async def apply(self, path: str, body: bytes | Object, **query: str) -> Reply:
        """A server-side apply by the manager `test` unless another is named."""
        headers = {"content-type": "application/apply-patch+yaml"}
        return await self("PATCH", path, body, headers, **{"fieldManager": "test", **query})

    async def watch(self, path: str, **query: str) -> AsyncIterator[tuple[str, Any]]:
        """(type, object) of each event."""
        stream = self._transport.stream(path, {"watch": "true", **query}, {})
        async with aclosing(stream):  # type: ignore[type-var]
            async for line in stream:
                event = orjson.loads(line)
                yield event["type"], event["object"]

    async def events(self, number: int, path: str, **query: str) -> list[tuple[str, Any]]:
        """The first `number` events of a watch."""
        found: list[tuple[str, Any]] = []
        async with asyncio.timeout(20), aclosing(self.watch(path, **query)) as stream:  # type: ignore[type-var]
            async for event in stream:
                found.append(event)
                if len(found) == number:
                    break
        return found


@pytest.fixture
async def api(cluster: TestCluster) -> AsyncIterator[Api]:
    transport = HttpsTransport(load(await cluster.serve_https()))
    yield Api(transport)
    await transport.close()


@pytest.fixture
async def kubectl(cluster: TestCluster) -> Kubectl:
    return await administrator(cluster)
