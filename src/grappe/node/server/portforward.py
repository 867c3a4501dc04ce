"""port-forward, in the forms clients speak.

kubectl: SPDY/3.1, either plain (until 1.30) or its frames inside WebSocket messages (subprotocol
SPDY/3.1+portforward.k8s.io, KEP-4006); each connection is a pair of streams, `error` and `data`,
with one request id. The Python client: v4.channel.k8s.io with two channels for each port.
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable

from grappe.node.runtime.interface import RuntimeFault
from grappe.node.streams.spdy import SpdyConnection, SpdyStream
from grappe.node.streams.spdy_frames import SpdyError
from grappe.node.streams.websocket import WebSocket

TUNNEL = "SPDY/3.1+portforward.k8s.io"
CHANNELS = "v4.channel.k8s.io"
STREAMS = "portforward.k8s.io"
PROTOCOLS = (TUNNEL, CHANNELS, STREAMS)
_BLOCK = 1 << 16

Dial = Callable[[int], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]


def _why(port: int, pod: str, error: Exception) -> str:
    return (
        f"an error occurred forwarding {port} -> {port}: error forwarding port {port} to pod "
        f"{pod}: {error}"
    )


async def serve_tunnel(socket: WebSocket, pod: str, dial: Dial) -> None:
    """Until the client closes the WebSocket."""

    async def receive() -> bytes:
        while (message := await socket.receive()) is not None:
            if message.data:
                return message.data
        return b""

    try:
        await serve_streams(SpdyConnection(receive, socket.send, server=True), pod, dial)
    finally:
        await socket.close()


async def serve_streams(connection: SpdyConnection, pod: str, dial: Dial) -> None:
    """Until the client ends the connection."""
    reading = asyncio.create_task(connection.run())
    pairs: dict[str, dict[str, SpdyStream]] = {}
    forwards: set[asyncio.Task[None]] = set()
    try:
        while (stream := await connection.accept()) is not None:
            request = stream.headers.get("requestid", "")
            pair = pairs.setdefault(request, {})
            pair[stream.headers.get("streamtype", "")] = stream
            if "data" in pair and "error" in pair:
                del pairs[request]
                task = asyncio.create_task(_forward(pair["data"], pair["error"], pod, dial))
                forwards.add(task)
                task.add_done_callback(forwards.discard)
        await reading
    except (SpdyError, ConnectionError):
        pass
    finally:
        for task in (*forwards, reading):
            task.cancel()
        await asyncio.gather(*forwards, reading, return_exceptions=True)


async def _forward(data: SpdyStream, error: SpdyStream, pod: str, dial: Dial) -> None:
    """One forwarded connection."""
    text = data.headers.get("port", "")
    port = int(text) if text.isdigit() else 0
    try:
        reader, writer = await dial(port)
    except (RuntimeFault, OSError, TimeoutError) as fault:
        with contextlib.suppress(ConnectionError):
            await error.write(_why(port, pod, fault).encode())
            await error.finish()
            await data.finish()
        return

    async def inward() -> None:
        while piece := await data.read():
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    async def outward() -> None:
        while piece := await reader.read(_BLOCK):
            await data.write(piece)
        await data.finish()

    inwards = asyncio.create_task(inward())
    try:
        with contextlib.suppress(ConnectionError):
            await outward()
            await error.finish()
    finally:
        inwards.cancel()
        await asyncio.gather(inwards, return_exceptions=True)
        writer.close()


async def serve_channels(socket: WebSocket, ports: list[int], pod: str, dial: Dial) -> None:
    """Channels 2n and 2n+1 are data and error of the n-th port; each begins with the port's
    number as two bytes, little-endian."""
    inputs: list[asyncio.Queue[bytes | None]] = [asyncio.Queue(64) for _ in ports]
    tasks = [
        asyncio.create_task(_channel(socket, number, port, pod, dial, inputs[number]))
        for number, port in enumerate(ports)
    ]
    try:
        for number, port in enumerate(ports):
            for channel in (2 * number, 2 * number + 1):
                await socket.send(bytes([channel]) + struct.pack("<H", port))
        while (message := await socket.receive()) is not None:
            if message.data and message.data[0] % 2 == 0 and message.data[0] // 2 < len(ports):
                await inputs[message.data[0] // 2].put(message.data[1:])
    except ConnectionError:
        pass
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await socket.close()


async def _channel(
    socket: WebSocket,
    number: int,
    port: int,
    pod: str,
    dial: Dial,
    incoming: asyncio.Queue[bytes | None],
) -> None:
    data, error = bytes([2 * number]), bytes([2 * number + 1])
    try:
        reader, writer = await dial(port)
    except (RuntimeFault, OSError, TimeoutError) as fault:
        with contextlib.suppress(ConnectionError):
            await socket.send(error + _why(port, pod, fault).encode())
        return

    async def inward() -> None:
        while (piece := await incoming.get()) is not None:
            writer.write(piece)
            await writer.drain()

    inwards = asyncio.create_task(inward())
    try:
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(_BLOCK):
                await socket.send(data + piece)
        await socket.close()
    finally:
        inwards.cancel()
        await asyncio.gather(inwards, return_exceptions=True)
        writer.close()
