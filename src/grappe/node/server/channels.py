"""exec and attach over a WebSocket: v4 and v5 of channel.k8s.io.

Each message begins with the number of its channel: 0 stdin, 1 stdout, 2 stderr, 3 the final
Status, 4 a terminal's new size; in v5 a message of channel 255 ends the channel it names
(https://kubernetes.io/docs/reference/using-api/ and KEP-4006).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from grappe.api import Object
from grappe.node.runtime.interface import Session
from grappe.node.streams.websocket import WebSocket

PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
STDIN, STDOUT, STDERR, ERROR, RESIZE, CLOSE = 0, 1, 2, 3, 4, 255
_CHUNK = 32 * 1024


def failure(message: str, reason: str = "InternalError") -> Object:
    """The Status of something that could not even begin."""
    return {
        "metadata": {},
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": 500,
    }


async def send_status(socket: WebSocket, status: Object) -> None:
    """The last word on channel 3, then a clean close."""
    with contextlib.suppress(ConnectionError):
        await socket.send(bytes([ERROR]) + json.dumps(status).encode())
    await socket.close()


async def serve(socket: WebSocket, session: Session) -> None:
    """Move bytes both ways until the session or the client ends."""
    incoming = asyncio.create_task(_incoming(socket, session))
    outgoing = asyncio.create_task(_outgoing(socket, session))
    try:
        await asyncio.wait({incoming, outgoing}, return_when=asyncio.FIRST_COMPLETED)
        if outgoing.done():
            await outgoing
            await send_status(socket, await session.status())
    except ConnectionError:
        pass
    finally:
        for task in (incoming, outgoing):
            task.cancel()
        await asyncio.gather(incoming, outgoing, return_exceptions=True)
        await session.close()


async def _outgoing(socket: WebSocket, session: Session) -> None:
    numbers = {"stdout": STDOUT, "stderr": STDERR}
    async for channel, data in session.output():
        for start in range(0, len(data), _CHUNK):
            await socket.send(bytes([numbers[channel]]) + data[start : start + _CHUNK])


async def _incoming(socket: WebSocket, session: Session) -> None:
    """Returns when the client has gone."""
    while (message := await socket.receive()) is not None:
        if not message.data:
            continue
        channel, data = message.data[0], message.data[1:]
        if channel == STDIN and data:
            await session.write(data)
        elif channel == CLOSE and data[:1] == bytes([STDIN]):
            await session.close_input()
        elif channel == RESIZE:
            with contextlib.suppress(ValueError):
                await set_size(session, json.loads(data))


async def set_size(session: Session, size: Any) -> None:
    """Tell the terminal what its client says of its size, if that makes sense."""
    with contextlib.suppress(ValueError, TypeError, KeyError):
        await session.resize(int(size["Width"]), int(size["Height"]))
