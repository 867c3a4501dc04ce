"""Run a process's long-lived tasks; one that ends, however it ends, ends the process.

A background task that stops silently leaves a process that looks alive and does nothing.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Coroutine, Mapping

log = logging.getLogger("grappe.tasks")


class TaskEndedError(RuntimeError):
    """A task that should run until cancelled has returned."""


async def _forever(name: str, work: Coroutine[None, None, None]) -> None:
    await work
    raise TaskEndedError(f"{name} returned, but should run until cancelled")


async def run_until_signalled(tasks: Mapping[str, Coroutine[None, None, None]]) -> None:
    """Run every task until SIGTERM or SIGINT; raise the first failure of any of them.

    On either way out all tasks are cancelled and awaited.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = {asyncio.create_task(_forever(n, work), name=n) for n, work in tasks.items()}
    stopper = asyncio.create_task(stop.wait(), name="signal")
    try:
        done, _ = await asyncio.wait({stopper, *running}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopper}:
            log.error("task %s failed: %s", task.get_name(), task.exception())
            task.result()
    finally:
        for task in {stopper, *running}:
            task.cancel()
        await asyncio.gather(stopper, *running, return_exceptions=True)
