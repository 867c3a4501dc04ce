"""Names outside the cluster: the host's resolvers, asked through sockets in the host's namespace.

So that a stub on the host's loopback (systemd-resolved's 127.0.0.53) works, and the node itself
needs no way out.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import Callable

from grappe.network import netns
from grappe.network.dns import message

ATTEMPT_SECONDS = 2.0
PATIENCE_SECONDS = 4.0
AVOID_SECONDS = 10.0
"""How long a resolver that did not answer is asked last."""

_PORT = 53
_MOST_BYTES = 65535


class UpstreamError(Exception):
    """No resolver answered."""


class Upstream:
    """`resolvers` gives the addresses to ask now, in order of preference."""

    def __init__(
        self, host_netns_fd: int, resolvers: Callable[[], list[str]], *, port: int = _PORT
    ) -> None:
        self._fd = host_netns_fd
        self._resolvers = resolvers
        self._port = port
        self._avoid: dict[str, float] = {}

    async def ask(self, query: bytes, *, tcp: bool) -> bytes:
        """The answer to a query, with its id; UpstreamError soon when there is none to be had."""
        loop = asyncio.get_running_loop()
        question = message.with_id(query, secrets.token_bytes(2))
        give_up = loop.time() + PATIENCE_SECONDS
        servers = self._resolvers()
        well = [s for s in servers if self._avoid.get(s, 0) < loop.time()]
        unwell = [s for s in servers if s not in well]
        for server in well + unwell:
            patience = min(ATTEMPT_SECONDS, give_up - loop.time())
            if server in unwell:
                patience = min(patience, ATTEMPT_SECONDS / 4)
            if patience <= 0:
                break
            try:
                async with asyncio.timeout(patience):
                    exchange = self._by_tcp if tcp else self._by_udp
                    answer = await exchange(server, question)
            except OSError:  # refused, unreachable, reset; TimeoutError is one too
                self._avoid[server] = loop.time() + AVOID_SECONDS
                continue
            self._avoid.pop(server, None)
            return message.with_id(answer, query[:2])
        raise UpstreamError("no resolver of the host answers" if servers else "none is configured")

    async def ask_whole(self, query: bytes) -> bytes:
        """As `ask`, by TCP when the answer does not fit a datagram."""
        answer = await self.ask(query, tcp=False)
        return await self.ask(query, tcp=True) if message.is_truncated(answer) else answer

    async def _by_udp(self, server: str, query: bytes) -> bytes:
        """A socket for each question: its port is part of what a forger must guess."""
        loop = asyncio.get_running_loop()
        with netns.socket_in(self._fd, _family(server), socket.SOCK_DGRAM) as sock:
            sock.connect((server, self._port))
            sock.send(query)
            while True:
                answer = await loop.sock_recv(sock, _MOST_BYTES)
                if message.answers_to(answer, query):
                    return answer

    async def _by_tcp(self, server: str, query: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        sock = netns.socket_in(self._fd, _family(server), socket.SOCK_STREAM)
        try:
            await loop.sock_connect(sock, (server, self._port))
            reader, writer = await asyncio.open_connection(sock=sock)
        except BaseException:
            sock.close()
            raise
        try:
            writer.write(len(query).to_bytes(2) + query)
            length = int.from_bytes(await reader.readexactly(2))
            answer = await reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("the resolver closed the connection") from error
        finally:
            writer.close()
        if not message.answers_to(answer, query):
            raise ConnectionError("the resolver answered another question")
        return answer


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
