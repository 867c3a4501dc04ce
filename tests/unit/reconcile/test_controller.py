import asyncio
import logging

import pytest

from grappe.api.errors import ApiError
from grappe.client.interface import TransportError
from grappe.reconcile import Controller, Key, Result, TerminalError


async def run_until(controller: Controller, done: asyncio.Event) -> None:
    task = asyncio.create_task(controller.run())
    await asyncio.wait_for(done.wait(), 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    "failure",
    [ApiError(409, "Conflict", "modified"), TransportError("refused"), ValueError("a bug")],
    ids=["conflict", "no answer", "bug"],
)
async def test_what_fails_is_tried_again_until_it_succeeds(failure, caplog):
    caplog.set_level(logging.CRITICAL)
    done, seen = asyncio.Event(), []

    async def reconcile(key: Key) -> None:
        seen.append(key)
        if len(seen) < 3:
            raise failure
        done.set()

    controller = Controller("test", reconcile=reconcile)
    controller.enqueue("ns", "a")
    await run_until(controller, done)
    assert seen == [Key("ns", "a")] * 3
    assert controller.queue.failures(Key("ns", "a")) == 0


async def test_a_terminal_error_is_logged_and_not_tried_again(caplog):
    done, seen = asyncio.Event(), []

    async def reconcile(key: Key) -> None:
        seen.append(key.name)
        if key.name == "bad":
            raise TerminalError("spec.replicas must not be negative")
        done.set()

    controller = Controller("test", reconcile=reconcile)
    controller.enqueue("ns", "bad")
    controller.enqueue_after("ns", "good", 0.05)
    await run_until(controller, done)
    assert seen == ["bad", "good"]
    assert "ns/bad: spec.replicas must not be negative" in caplog.text


async def test_requeue_after_brings_the_key_back():
    done, times = asyncio.Event(), []

    async def reconcile(key: Key) -> Result:
        times.append(asyncio.get_running_loop().time())
        if len(times) == 2:
            done.set()
        return Result(requeue_after=0.02)

    controller = Controller("test", reconcile=reconcile)
    controller.enqueue(None, "node")
    await run_until(controller, done)
    assert times[1] - times[0] >= 0.02


async def test_as_many_keys_at_once_as_asked_and_no_key_twice():
    done, now, most, finished = asyncio.Event(), set(), 0, 0

    async def reconcile(key: Key) -> None:
        nonlocal most, finished
        assert key not in now
        now.add(key)
        most = max(most, len(now))
        controller.enqueue(key.namespace, key.name) if finished < 10 else None
        await asyncio.sleep(0)
        now.remove(key)
        finished += 1
        if finished == 20:
            done.set()

    controller = Controller("test", reconcile=reconcile, concurrency=3)
    for number in range(10):
        controller.enqueue("ns", str(number))
    await run_until(controller, done)
    assert most == 3
