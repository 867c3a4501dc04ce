"""Requests and answers in protobuf."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from grappe.api import Object, protobuf
from grappe.api.protobuf import wire
from grappe.apiserver.http.messages import Request, Stream
from grappe.testing.cluster import ADMIN, TestCluster

PROTOBUF = {"accept": protobuf.CONTENT_TYPE}
METADATA = {
    "accept": "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1"
}


def metadata(suffix: str = "") -> dict[str, str]:
    """Headers that ask for metadata only."""
    return {"accept": METADATA["accept"].format(suffix)}


class Heard:
    """A watch's other end: keeps every byte, and can wait for events."""

    backlog = 0

    def __init__(self) -> None:
        self.data = b""
        self.closed = False
        self._more = asyncio.Event()
        self.stop: Callable[[], None] = lambda: None

    def write(self, data: bytes) -> bool:
        self.data += data
        self._more.set()
        return True

    def close(self) -> None:
        self.closed = True
        self._more.set()

    def events(self) -> list[tuple[str, Object]]:
        """What has arrived whole so far."""
        found, rest = [], self.data
        while len(rest) >= 4:
            size = int.from_bytes(rest[:4], "big")
            frame, rest = rest[4 : 4 + size], rest[4 + size :]
            if len(frame) < size:
                break
            found.append(_event(frame))
        return found

    async def wait_for(self, count: int) -> list[tuple[str, Object]]:
        async with asyncio.timeout(10):
            while len(self.events()) < count:
                self._more.clear()
                await self._more.wait()
        return self.events()


def _event(frame: bytes) -> tuple[str, Object]:
    parts: dict[int, Any] = {number: value for number, _, value in wire.fields(frame)}
    raw: dict[int, Any] = {number: value for number, _, value in wire.fields(parts[2])}
    return parts[1].decode(), protobuf.decode(raw[1])


async def watch(
    cluster: TestCluster, path: str, query: str = "watch=1", headers: dict[str, str] = PROTOBUF
) -> tuple[Stream, Heard]:
    """A running watch; `stop` it in the end."""
    request = Request("GET", path, query, headers, user=ADMIN)
    answer = cluster.api.handle(request)
    assert isinstance(answer, Stream), answer
    heard = Heard()
    heard.stop = answer.start(heard)
    return answer, heard
