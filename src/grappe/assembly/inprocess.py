"""A client's Transport that calls the API server's handler directly, without a socket.

Controllers and the scheduler reach the API through this in the server's own process, under the
same authorization and admission as everybody else.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from urllib.parse import urlencode

from grappe.apiserver.http.messages import (
    Answer as HandlerAnswer,
)
from grappe.apiserver.http.messages import (
    Handler,
    Request,
    Response,
    Stream,
    Tunnel,
    User,
)
from grappe.client.interface import Answer, TransportError
from grappe.client.status import error_of

_BUFFER = 64 * 1024 * 1024
"""Bytes a stream may be behind before it is ended, as for a remote watcher."""


class InProcessTransport:
    """Implements `grappe.client.interface.Transport`; every request is made as `user`."""

    def __init__(self, handler: Handler, user: User) -> None:
        self._handler = handler
        self._user = user
        self._closed = False
        self._streams: set[_Lines] = set()

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        request = self._request(method, path, query, headers, body)
        answer = await self._ask(request)
        if not isinstance(answer, Response):
            raise TransportError(f"{method} {path} is answered by a stream")
        told = [line.partition(": ")[::2] for line in request.head.splitlines()]
        return Answer(answer.status, dict([*told, *answer.headers]), _whole(answer))

    async def stream(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[bytes]:
        answer = await self._ask(self._request("GET", path, query, headers, b""))
        if isinstance(answer, Response):
            if answer.status != 200:
                raise error_of(answer.status, _whole(answer))
            for line in _whole(answer).splitlines():
                yield line
            return
        if isinstance(answer, Tunnel):
            raise TransportError(f"GET {path} is answered by a connection of its own")
        lines = _Lines(answer)
        self._streams.add(lines)
        try:
            async for line in lines:
                yield line
        finally:
            self._streams.discard(lines)
            lines.end()

    async def close(self) -> None:
        self._closed = True
        for lines in tuple(self._streams):
            lines.close()

    def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> Request:
        return Request(
            method=method,
            path=path,
            query=urlencode(query) if query else "",
            headers={name.lower(): value for name, value in headers.items()},
            body=body,
            user=self._user,
        )

    async def _ask(self, request: Request) -> HandlerAnswer:
        if self._closed:
            raise TransportError("the transport is closed")
        answer = self._handler(request)
        if isinstance(answer, Response | Stream | Tunnel):
            return answer
        return await answer


def _whole(answer: Response) -> bytes:
    return answer.body if isinstance(answer.body, bytes) else b"".join(answer.body)


class _Lines:
    """The producer's StreamWriter on one side, an iterator of lines on the other."""

    def __init__(self, stream: Stream) -> None:
        self._chunks: deque[bytes] = deque()
        self._size = 0
        self._closed = False
        self._arrived = asyncio.Event()
        self._ended: Callable[[], None] | None = stream.start(self)

    @property
    def backlog(self) -> int:
        return self._size

    def write(self, data: bytes) -> bool:
        if self._closed or self._size + len(data) > _BUFFER:
            self.close()
            return False
        self._chunks.append(data)
        self._size += len(data)
        self._arrived.set()
        return True

    def close(self) -> None:
        self._closed = True
        self._arrived.set()

    def end(self) -> None:
        """Tell the producer that nobody reads any more."""
        self._closed = True
        if self._ended is not None:
            ended, self._ended = self._ended, None
            ended()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        rest = b""
        while True:
            if self._chunks:
                chunk = self._chunks.popleft()
                self._size -= len(chunk)
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    yield line
            elif self._closed:
                break
            else:
                self._arrived.clear()
                await self._arrived.wait()
        if rest:
            yield rest
