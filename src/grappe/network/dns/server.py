"""The DNS server: answers from the zone at once, everything else in a bounded number of tasks."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from collections.abc import Callable
from typing import cast

from grappe.network.dns import message
from grappe.network.dns.message import MalformedError, Question
from grappe.network.dns.upstream import Upstream, UpstreamError
from grappe.network.dns.zone import Zone

log = logging.getLogger(__name__)

MOST_CACHED = 4096
MOST_PENDING = 512
MOST_CONNECTIONS = 128
IDLE_SECONDS = 10.0
UPSTREAM_CACHE_SECONDS = 5.0
ROTATIONS = 8


class Responder:
    """Queries to answers, without sockets.

    Answers about the cluster are kept until the cluster changes (call `forget`), upstream ones
    for a few seconds; both by the bytes of the query after its id, so that a repeated question
    costs a dictionary lookup. Until the cluster is `known`, questions about it fail: clients try
    again, but would remember that a name does not exist.
    """

    def __init__(
        self,
        zone: Zone,
        upstream: Upstream,
        *,
        now: Callable[[], float],
        known: Callable[[], bool] = lambda: True,
    ) -> None:
        self._zone = zone
        self._upstream = upstream
        self._now = now
        self._is_known = known
        self._known: dict[tuple[bytes, bool], list[bytes]] = {}
        self._fetched: dict[tuple[bytes, bool], tuple[float, bytes]] = {}
        self._pending: dict[tuple[bytes, bool], asyncio.Task[bytes]] = {}

    def forget(self) -> None:
        """The cluster has changed."""
        self._known.clear()

    def at_once(self, query: bytes, *, tcp: bool) -> bytes | None:
        """The answer, or None when it takes waiting for: call `by_asking`.

        MalformedError for what deserves no answer.
        """
        key = (query[2:], tcp)
        if (variants := self._known.get(key)) is not None:
            return query[:2] + random.choice(variants)
        if (fetched := self._fetched.get(key)) is not None:
            expiry, data = fetched
            if self._now() < expiry:
                return query[:2] + data
            del self._fetched[key]
        question = message.parse(query)
        if rcode := message.refusal(question):
            return message.failure(question, rcode)
        authority = self._zone.authority(question.name)
        if authority is None:
            return None
        if not self._is_known():
            return message.failure(question, "SERVFAIL")
        finding = self._zone.find(question.name, question.type)
        if finding.alias:
            return None
        data = message.answer(question, finding, authority=authority)
        variants = [self._fitting(question, v, tcp)[2:] for v in message.rotations(data, ROTATIONS)]
        if len(self._known) >= MOST_CACHED:
            self._known.clear()
        self._known[key] = variants
        return query[:2] + random.choice(variants)

    async def by_asking(self, query: bytes, *, tcp: bool) -> bytes:
        """The answer with the help of the host's resolvers, SERVFAIL when there is none.

        The same question asked by many at once goes out once.
        """
        key = (query[2:], tcp)
        task = self._pending.get(key)
        if task is None:
            if len(self._pending) >= MOST_PENDING:
                return message.failure(message.parse(query), "SERVFAIL")
            task = asyncio.create_task(self._ask(query, tcp), name="dns upstream")
            self._pending[key] = task
            task.add_done_callback(lambda _: self._pending.pop(key, None))
        return query[:2] + (await asyncio.shield(task))[2:]

    async def _ask(self, query: bytes, tcp: bool) -> bytes:
        question = message.parse(query)
        authority = self._zone.authority(question.name)
        try:
            if authority is not None:
                return await self._along_alias(question, authority, tcp)
            answer = await self._upstream.ask(query, tcp=tcp)
            lifetime = min(message.shortest_ttl(answer), UPSTREAM_CACHE_SECONDS)
        except (UpstreamError, MalformedError) as error:
            log.debug("no answer for %s: %s", question.name, error)
            return message.failure(question, "SERVFAIL")
        answer = self._fitting(question, answer, tcp)
        if lifetime > 0:
            if len(self._fetched) >= MOST_CACHED:
                self._fetched.clear()
            self._fetched[query[2:], tcp] = (self._now() + lifetime, answer[2:])
        return answer

    async def _along_alias(self, question: Question, authority: str, tcp: bool) -> bytes:
        """A CNAME out of the cluster, followed. When nobody can, the CNAME alone is the answer."""
        finding = self._zone.find(question.name, question.type)
        further = []
        if finding.alias:
            asked = message.question_for(finding.alias, question.type, 0)
            try:
                further.append(await self._upstream.ask_whole(asked))
            except UpstreamError as error:
                log.debug("%s leads to %s: %s", question.name, finding.alias, error)
        data = message.answer(question, finding, authority=authority, further=further)
        return self._fitting(question, data, tcp)

    @staticmethod
    def _fitting(question: Question, data: bytes, tcp: bool) -> bytes:
        return data if tcp or len(data) <= question.limit else message.truncated(question, data)


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._transport: asyncio.DatagramTransport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        try:
            answer = self._responder.at_once(data, tcp=False)
        except MalformedError:
            return
        if answer is not None:
            self._send(answer, addr)
        elif len(self._tasks) < MOST_PENDING * 4:
            task = asyncio.create_task(self._later(data, addr))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def error_received(self, exc: Exception) -> None:
        """An asker that has gone: nothing to do."""

    async def _later(self, data: bytes, addr: tuple[str, int]) -> None:
        self._send(await self._responder.by_asking(data, tcp=False), addr)

    def _send(self, answer: bytes, addr: tuple[str, int]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(answer, addr)


class _Connections:
    """DNS over TCP: messages with their length before them (RFC 7766), one at a time."""

    def __init__(self, responder: Responder) -> None:
        self._responder = responder
        self._open = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open += 1
        try:
            while self._open <= MOST_CONNECTIONS:
                async with asyncio.timeout(IDLE_SECONDS):
                    length = int.from_bytes(await reader.readexactly(2))
                    query = await reader.readexactly(length)
                answer = self._responder.at_once(query, tcp=True)
                if answer is None:
                    answer = await self._responder.by_asking(query, tcp=True)
                writer.write(len(answer).to_bytes(2) + answer)
                async with asyncio.timeout(IDLE_SECONDS):
                    await writer.drain()
        except (asyncio.IncompleteReadError, OSError, MalformedError):
            pass
        finally:
            self._open -= 1
            writer.close()


async def serve(responder: Responder, address: str, port: int = 53) -> None:
    """Answer on UDP and TCP in the namespace of this thread, until cancelled.

    OSError when the address cannot be bound.
    """
    loop = asyncio.get_running_loop()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
    udp.setblocking(False)
    try:
        udp.bind((address, port))
    except OSError:
        udp.close()
        raise
    transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(responder), sock=udp)
    try:
        server = await asyncio.start_server(_Connections(responder).serve, address, port)
        async with server:
            await server.serve_forever()
    finally:
        transport.close()
