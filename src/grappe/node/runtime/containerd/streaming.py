"""exec and attach through containerd's streaming server, over SPDY/3.1.

SPDY and not WebSocket, because only its streams can end standard input by themselves
(https://github.com/kubernetes/kubernetes/issues/89899).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from grappe.api import Object
from grappe.node.runtime.interface import Channel, RuntimeFault
from grappe.node.streams.spdy import SpdyConnection, SpdyStream

_PROTOCOL = "v4.channel.k8s.io"


class StreamingSession:
    """One exec or attach: the runtime interface's `Session`."""

    def __init__(
        self,
        connection: SpdyConnection,
        writer: asyncio.StreamWriter,
        streams: dict[str, SpdyStream],
        reading: asyncio.Task[None],
    ) -> None:
        self._connection = connection
        self._writer = writer
        self._streams = streams
        self._reading = reading

    async def output(self) -> AsyncIterator[tuple[Channel, bytes]]:
        merged: asyncio.Queue[tuple[Channel, bytes] | None] = asyncio.Queue(16)

        async def pump(channel: Channel, stream: SpdyStream) -> None:
            while data := await stream.read():
                await merged.put((channel, data))
            await merged.put(None)

        names: list[Channel] = [n for n in ("stdout", "stderr") if n in self._streams]
        pumps = [asyncio.create_task(pump(n, self._streams[n])) for n in names]
        try:
            running = len(pumps)
            while running:
                item = await merged.get()
                if item is None:
                    running -= 1
                else:
                    yield item
        finally:
            for task in pumps:
                task.cancel()

    async def write(self, data: bytes) -> None:
        stdin = self._streams.get("stdin")
        if stdin is not None:
            with contextlib.suppress(ConnectionError):
                await stdin.write(data)

    async def close_input(self) -> None:
        stdin = self._streams.get("stdin")
        if stdin is not None:
            with contextlib.suppress(ConnectionError):
                await stdin.finish()

    async def resize(self, width: int, height: int) -> None:
        stream = self._streams.get("resize")
        if stream is not None:
            size = json.dumps({"Width": width, "Height": height}).encode()
            with contextlib.suppress(ConnectionError):
                await stream.write(size + b"\n")

    async def status(self) -> Object:
        data = await self._streams["error"].read_all()
        if not data:
            return {"metadata": {}, "status": "Success"}
        try:
            status = json.loads(data)
        except ValueError:
            status = None
        if isinstance(status, dict):
            return status
        text = data.decode("utf-8", "replace")
        return {
            "metadata": {},
            "status": "Failure",
            "reason": "InternalError",
            "message": text,
            "code": 500,
        }

    async def close(self) -> None:
        self._reading.cancel()
        self._writer.close()
        with contextlib.suppress(Exception, asyncio.CancelledError):
            await self._reading


async def open_session(url: str, *, stdin: bool, tty: bool) -> StreamingSession:
    """Upgrade a connection to the URL that CRI's Exec or Attach gave, and open its streams."""
    parts = urlsplit(url)
    if not parts.hostname or not parts.port:
        raise RuntimeFault(f"containerd gave no usable streaming address: {url}")
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        await _upgrade(reader, writer, f"{parts.path}?{parts.query}", parts.netloc)
    except BaseException:
        writer.close()
        raise

    async def receive() -> bytes:
        try:
            return await reader.read(1 << 16)
        except ConnectionError:
            return b""

    async def transmit(data: bytes) -> None:
        writer.write(data)
        await writer.drain()

    connection = SpdyConnection(receive, transmit, server=False)
    reading = asyncio.create_task(connection.run(), name="spdy")
    kinds = ["error", "stdout"]
    if stdin:
        kinds.append("stdin")
    kinds.append("resize" if tty else "stderr")
    streams = {kind: await connection.open({"streamtype": kind}) for kind in kinds}
    for kind in ("error", "stdout", "stderr"):
        if kind in streams:
            await streams[kind].finish()
    return StreamingSession(connection, writer, streams, reading)


async def _upgrade(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: str, host: str
) -> None:
    writer.write(
        f"POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n"
        f"Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
        f"X-Stream-Protocol-Version: {_PROTOCOL}\r\n\r\n".encode()
    )
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise RuntimeFault("containerd's streaming server gave no answer") from error
    status = head.split(b" ", 2)[1:2]
    if status != [b"101"]:
        raise RuntimeFault(
            "containerd's streaming server refused: " + head.partition(b"\r\n")[0].decode("latin-1")
        )
