"""exec and attach over SPDY: one stream for each channel, named by its header `streamtype`.

Older than the WebSocket's channels and still what many Go programs speak: v4 of the protocol tells
how it went as a Status, those before by its message; v3 brought terminal sizes
(https://kubernetes.io/docs/reference/using-api/, KEP-4006).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping

from grappe.api import Object
from grappe.node.runtime.interface import RuntimeFault, Session
from grappe.node.server.channels import failure, set_size
from grappe.node.streams.spdy import SpdyConnection, SpdyStream
from grappe.node.streams.spdy_frames import SpdyError

WITH_STATUS = "v4.channel.k8s.io"
WITH_SIZES = (WITH_STATUS, "v3.channel.k8s.io")
PROTOCOLS = (*WITH_SIZES, "v2.channel.k8s.io", "channel.k8s.io")
_STREAMS_SECONDS = 30.0
"""Until all streams are there."""
_LEAVE_SECONDS = 10.0
"""The client has to read the last words and end the connection."""

Streams = Mapping[str, SpdyStream]


async def serve(
    connection: SpdyConnection,
    protocol: str,
    wanted: frozenset[str],
    begin: Callable[[], Awaitable[Session]],
) -> None:
    """Until the session or the client ends. `wanted`: the channels the client said it opens."""
    reading = asyncio.create_task(connection.run())
    try:
        async with asyncio.timeout(_STREAMS_SECONDS):
            streams = await _opened(connection, wanted)
        await _run(streams, protocol, begin, reading)
    except (SpdyError, ConnectionError, TimeoutError):
        pass
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _opened(connection: SpdyConnection, wanted: frozenset[str]) -> Streams:
    streams: dict[str, SpdyStream] = {}
    while not wanted <= streams.keys():
        stream = await connection.accept()
        if stream is None:
            raise ConnectionError("the client left before its streams were there")
        streams[stream.headers.get("streamtype", "")] = stream
    return streams


async def _run(
    streams: Streams,
    protocol: str,
    begin: Callable[[], Awaitable[Session]],
    reading: asyncio.Task[None],
) -> None:
    try:
        session = await begin()
    except (RuntimeFault, OSError, TimeoutError) as fault:
        await _last_words(streams, protocol, failure(str(fault)))
    else:
        inputs = [asyncio.create_task(move(streams, session)) for move in (_input, _sizes)]
        outgoing = asyncio.create_task(_output(streams, session))
        try:
            await asyncio.wait({outgoing, reading}, return_when=asyncio.FIRST_COMPLETED)
            if not outgoing.done():
                return  # the client has gone
            await outgoing
            await _last_words(streams, protocol, await session.status())
        finally:
            for task in (outgoing, *inputs):
                task.cancel()
            await asyncio.gather(outgoing, *inputs, return_exceptions=True)
            await session.close()
    await asyncio.wait({reading}, timeout=_LEAVE_SECONDS)


async def _last_words(streams: Streams, protocol: str, status: Object) -> None:
    """How it went, and the end of every stream."""
    error = streams["error"]
    if protocol == WITH_STATUS:
        await error.write(json.dumps(status).encode())
    elif status.get("status") != "Success":
        await error.write(str(status.get("message", "")).encode())
    for stream in streams.values():
        await stream.finish()


async def _output(streams: Streams, session: Session) -> None:
    async for channel, data in session.output():
        if channel in streams:
            await streams[channel].write(data)


async def _input(streams: Streams, session: Session) -> None:
    if "stdin" not in streams:
        return
    with contextlib.suppress(ConnectionError):
        while data := await streams["stdin"].read():
            await session.write(data)
        await session.close_input()


async def _sizes(streams: Streams, session: Session) -> None:
    """The terminal's new sizes: JSON objects, one after the other."""
    if "resize" not in streams:
        return
    text, decoder = "", json.JSONDecoder()
    while data := await streams["resize"].read():
        text = (text + data.decode("utf-8", "replace")).lstrip()
        while text:
            try:
                size, end = decoder.raw_decode(text)
            except ValueError:
                break  # not whole yet
            text = text[end:].lstrip()
            await set_size(session, size)
