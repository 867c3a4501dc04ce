import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from grappe.reconcile.queue import WorkQueue, backoff


def test_backoff_doubles_from_5_ms_to_1000_s():
    assert [backoff(n) for n in (0, 1, 2)] == [0.005, 0.01, 0.02]
    assert backoff(18) == backoff(10_000) == 1000.0


async def test_a_key_added_twice_is_worked_on_once():
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    queue.add("a")
    assert await queue.get() == "a"
    assert len(queue) == 0


async def test_a_key_added_while_worked_on_waits_until_that_is_done():
    queue: WorkQueue[str] = WorkQueue()
    queue.add("a")
    await queue.get()
    queue.add("a")
    assert len(queue) == 0
    queue.done("a")
    assert await queue.get() == "a"
    queue.done("a")
    assert queue.idle


async def test_of_two_delays_the_shorter_counts():
    queue: WorkQueue[str] = WorkQueue()
    queue.add_after("a", 60)
    queue.add_after("a", 0.005)
    queue.add_after("a", 30)
    assert await asyncio.wait_for(queue.get(), 5) == "a"
    queue.done("a")
    queue.close()
    assert queue.idle


async def test_failures_wait_longer_each_time_until_forgotten():
    queue: WorkQueue[str] = WorkQueue()
    assert [queue.add_after_failure("a") for _ in range(3)] == [0.005, 0.01, 0.02]
    assert queue.failures("a") == 3
    queue.forget_failures("a")
    assert queue.add_after_failure("a") == 0.005
    queue.close()


async def test_a_worker_that_is_cancelled_passes_its_key_on():
    queue: WorkQueue[str] = WorkQueue()
    first, second = asyncio.create_task(queue.get()), asyncio.create_task(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    first.cancel()
    assert await asyncio.wait_for(second, 5) == "a"
    with pytest.raises(asyncio.CancelledError):
        await first


class QueueMachine(RuleBasedStateMachine):
    """What was added is worked on after its last addition, and never twice at once."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.queue: WorkQueue[int] = WorkQueue()
        self.owed: set[int] = set()
        self.working: set[int] = set()

    @rule(key=st.integers(0, 4))
    def add(self, key):
        self.queue.add(key)
        self.owed.add(key)

    @precondition(lambda self: len(self.queue))
    @rule()
    def get(self):
        key = self.loop.run_until_complete(self.queue.get())
        assert key not in self.working
        self.owed.remove(key)
        self.working.add(key)

    @precondition(lambda self: self.working)
    @rule(data=st.data())
    def done(self, data):
        key = data.draw(st.sampled_from(sorted(self.working)))
        self.working.remove(key)
        self.queue.done(key)

    @invariant()
    def what_is_owed_is_ready_or_waits_for_its_own_work(self):
        assert len(self.queue) == len(self.owed - self.working)

    def teardown(self):
        self.loop.close()


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(max_examples=40, deadline=None)
