import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.errors import ApiError
from grappe.base.clock import ManualClock
from grappe.reconcile.leases import LeaderElector, LostLeaseError, Observation, decide

from .memory_client import MemoryClient


def test_a_lease_nobody_has_is_created():
    _, spec = decide(None, None, "me", 15, 100.0)
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == (
        "me", 15, 0,
    )  # fmt: skip


@given(now=st.floats(0, 1e9), waited=st.floats(0, 60), duration=st.integers(1, 30))
def test_another_holders_lease_is_taken_only_after_its_whole_duration_unchanged(
    now, waited, duration
):
    record = {"holderIdentity": "other", "leaseDurationSeconds": duration, "leaseTransitions": 3}
    seen, spec = decide({"spec": record}, None, "me", 15, now)
    assert spec is None
    assert seen == Observation(record, now)
    _, spec = decide({"spec": record}, seen, "me", 15, now + waited)
    if now + waited < now + duration:
        assert spec is None
    else:
        assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("me", 4)


def test_a_renewal_starts_the_wait_anew():
    old = {"holderIdentity": "other", "renewTime": "1", "leaseDurationSeconds": 15}
    seen, spec = decide({"spec": {**old, "renewTime": "2"}}, Observation(old, 0), "me", 15, 20.0)
    assert (seen.since, spec) == (20.0, None)


def test_our_own_lease_is_renewed_and_a_released_one_taken_at_once():
    mine = {"holderIdentity": "me", "acquireTime": "t", "leaseTransitions": 2}
    _, spec = decide({"spec": mine}, None, "me", 15, 5.0)
    assert (spec["acquireTime"], spec["leaseTransitions"]) == ("t", 2)
    _, spec = decide({"spec": {**mine, "holderIdentity": ""}}, None, "me", 15, 5.0)
    assert spec["leaseTransitions"] == 3


async def test_one_leads_until_it_stops_and_then_the_next():
    client, order = MemoryClient(), []

    def elector(name: str) -> LeaderElector:
        return LeaderElector(client, "ns", "lock", name, retry_period=0.005)

    first_leads, let_go = asyncio.Event(), asyncio.Event()

    async def first() -> None:
        order.append("first")
        first_leads.set()
        await let_go.wait()

    async def second() -> None:
        order.append("second")

    one = asyncio.create_task(elector("one").run(first))
    await asyncio.wait_for(first_leads.wait(), 5)
    two = asyncio.create_task(elector("two").run(second))
    while not any(call == "get" for call, _ in client.calls[3:]):
        await asyncio.sleep(0)
    assert order == ["first"]
    let_go.set()
    await asyncio.wait_for(asyncio.gather(one, two), 5)
    assert order == ["first", "second"]


async def test_work_is_cancelled_when_the_lease_cannot_be_renewed():
    client, clock = MemoryClient(), ManualClock()
    elector = LeaderElector(
        client, "ns", "lock", "me", clock=clock, retry_period=0.001, renew_deadline=10
    )
    working, cancelled = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        working.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    task = asyncio.create_task(elector.run(work))
    await asyncio.wait_for(working.wait(), 5)
    client.fail = [ApiError(503, "ServiceUnavailable", "down")] * 100_000
    clock.advance(11)
    with pytest.raises(LostLeaseError):
        await asyncio.wait_for(task, 5)
    assert cancelled.is_set()
    assert not elector.leading
