"""Sockets inside a sandbox's network namespace, without the agent leaving its own."""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import threading

CLONE_NEWNET = 0x40000000


def set_network_namespace(descriptor: int) -> None:
    """Move the calling thread into a network namespace (setns(2); os.setns came with 3.12)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _dial(path: str, port: int) -> socket.socket:
    """Connect to loopback:port in the namespace at `path`, IPv4 first."""
    result: list[socket.socket | OSError] = []

    def work() -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                set_network_namespace(descriptor)
            finally:
                os.close(descriptor)
            try:
                result.append(socket.create_connection(("127.0.0.1", port), timeout=10))
            except OSError as first:
                try:
                    result.append(socket.create_connection(("::1", port), timeout=10))
                except OSError:
                    raise first from None
        except OSError as error:
            result.append(error)

    # A thread of its own that ends: nothing has to find the way back to the agent's namespace.
    thread = threading.Thread(target=work, name="dial", daemon=True)
    thread.start()
    thread.join()
    if isinstance(result[0], OSError):
        raise result[0]
    return result[0]


async def dial(path: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to a loopback port inside the namespace; OSError when nobody listens."""
    connected = await asyncio.to_thread(_dial, path, port)
    connected.setblocking(False)
    return await asyncio.open_connection(sock=connected)
