"""An event loop in a thread with network and mount namespaces of its own.

Tests of real nodes run in it: bridges, routes and mounts they make are nobody else's and vanish
with the last process in it. Programs started from it (containerd, kubectl) share its namespaces.
Needs root.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import subprocess
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

_CLONE_NEWNS = 0x00020000
_CLONE_NEWNET = 0x40000000
T = TypeVar("T")


def _unshare(flags: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(flags):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class IsolatedLoop:
    """`run(coroutine)` runs it in there and returns its result."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._main, name="isolated", daemon=True)

    def __enter__(self) -> IsolatedLoop:
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _main(self) -> None:
        try:
            _unshare(_CLONE_NEWNS | _CLONE_NEWNET)
            # Nothing mounted in here is seen outside; what is mounted here is seen by children.
            subprocess.run(["mount", "--make-rprivate", "/"], check=True)
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        except BaseException as error:
            self._error = error
            self._ready.set()
            return
        asyncio.set_event_loop(self._loop)
        self._ready.set()
        try:
            self._loop.run_forever()
        finally:
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
