"""Real HTTPS servers on loopback: what webhooks and extension API servers are in tests."""

from __future__ import annotations

import asyncio
import base64
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from grappe.apiserver.pki.authority import issue, new_ca

SANS = ("127.0.0.1", "localhost", "hook.default.svc", "extension.default.svc")


@dataclass
class Asked:
    """One request as it arrived; `certificate` is the subject of the client's, if it has one."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    certificate: Any
    writer: asyncio.StreamWriter
    reader: asyncio.StreamReader

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]


Answers = Callable[[Asked], Awaitable[bytes | None]]
"""The whole answer to a request, as bytes; None: the server ends the connection."""


@dataclass
class HttpsServer:
    """`asked` is everything it was asked; `connections` counts how often somebody connected."""

    answers: Answers
    port: int = 0
    ca: bytes = b""
    certificate: bytes = b""
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0

    @property
    def bundle(self) -> str:
        return base64.b64encode(self.ca).decode()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _ = head[0].split(" ")
                pairs = [line.partition(": ")[::2] for line in head[1:] if line]
                headers = [(name.lower(), value) for name, value in pairs]
                size = int(dict(headers).get("content-length", 0))
                body = await reader.readexactly(size)
                certificate = writer.get_extra_info("ssl_object").getpeercert()
                asked = Asked(method, path, headers, body, certificate, writer, reader)
                self.asked.append(asked)
                answer = await self.answers(asked)
                if answer is None:
                    return
                writer.write(answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()


def http(status: int, body: Any, headers: Mapping[str, str] | None = None) -> bytes:
    """A whole answer; `body` is sent as JSON unless it is bytes."""
    sent = body if isinstance(body, bytes) else orjson.dumps(body)
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(sent)}"]
    lines += [
        f"{k}: {v}" for k, v in ({"Content-Type": "application/json"} | dict(headers or {})).items()
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + sent


@asynccontextmanager
async def https_server(
    directory: Path,
    answers: Answers,
    *,
    sans: Sequence[str] = SANS,
    client_ca: bytes = b"",
) -> AsyncIterator[HttpsServer]:
    """A server with an authority of its own. With `client_ca` it asks clients for a certificate
    that this authority has signed."""
    now, day = time.time(), 86400.0
    ca = new_ca("test-server", now, day)
    certificate, key = issue(
        ca, "test-server", (), now=now, seconds=day, sans=sans, server=True, client=False
    )
    server = HttpsServer(answers, ca=ca[0], certificate=certificate)
    pem = directory / f"server-{id(server)}.pem"
    pem.write_bytes(certificate + key)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pem)
    if client_ca:
        tls.load_verify_locations(cadata=client_ca.decode())
        tls.verify_mode = ssl.CERT_REQUIRED
    tasks: set[asyncio.Task[None]] = set()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(server._serve(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tuple(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def https_server_beside(directory: Path, answers: Answers) -> Iterator[HttpsServer]:
    """The same for a test without an event loop: the server has one in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    running = https_server(directory, answers)
    try:
        yield asyncio.run_coroutine_threadsafe(running.__aenter__(), loop).result(10)
    finally:
        end = running.__aexit__(None, None, None)
        asyncio.run_coroutine_threadsafe(end, loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
