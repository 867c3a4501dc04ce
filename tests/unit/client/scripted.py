"""A Transport whose answers a test writes down, in order, for each path."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

import orjson

from grappe.api.errors import ApiError
from grappe.client.interface import Answer


class ScriptedTransport:
    """`answers` are taken in turn by `request`, `streams` by `stream`.

    An exception in place of an answer is raised. A stream is a list of events; one that ends with
    `...` stays open.
    """

    def __init__(self, answers: list = (), streams: list = ()) -> None:
        self.answers = [*answers]
        self.streams = [*streams]
        self.asked: list[tuple[str, str, Mapping[str, str], bytes]] = []
        self.exhausted = asyncio.Event()

    async def request(self, method, path, query, headers, body) -> Answer:
        self.asked.append((method, path, dict(query), body))
        if not self.answers:
            self.exhausted.set()
            await asyncio.Event().wait()
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Answer(*answer) if isinstance(answer, tuple) else Answer(200, {}, dumps(answer))

    async def stream(self, path, query, headers) -> AsyncIterator[bytes]:
        self.asked.append(("WATCH", path, dict(query), b""))
        if not self.streams:
            self.exhausted.set()
            await asyncio.Event().wait()
        events = self.streams.pop(0)
        if isinstance(events, Exception):
            raise events
        for event in events:
            if event is ...:
                self.exhausted.set()
                await asyncio.Event().wait()
            if isinstance(event, Exception):
                raise event
            yield dumps(event)

    async def close(self) -> None: ...


def dumps(value) -> bytes:
    return orjson.dumps(value)


def obj(name: str, revision: int, namespace: str = "default", **more) -> dict:
    meta = {"name": name, "namespace": namespace, "resourceVersion": str(revision)}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, **more}


def page(*items: dict, revision: int, token: str = "") -> dict:
    stripped = [{k: v for k, v in i.items() if k not in ("kind", "apiVersion")} for i in items]
    meta = {"resourceVersion": str(revision), "continue": token}
    return {"kind": "ConfigMapList", "apiVersion": "v1", "metadata": meta, "items": stripped}


def event(event_type: str, what: dict) -> dict:
    return {"type": event_type, "object": what}


GONE = ApiError(410, "Expired", "too old resource version")
