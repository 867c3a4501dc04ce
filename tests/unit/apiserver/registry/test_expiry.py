from __future__ import annotations

import orjson
import pytest

from grappe.apiserver.registry.expiry import LIFETIME, EventExpiry
from grappe.base.clock import ManualClock, rfc3339
from grappe.store.interface import Draft
from grappe.store.memory import MemoryStore

BUCKET = "/events"


def _draft(revision: int) -> Draft:
    return Draft(b'"metadata":{"name":"x","resourceVersion":"%d"}}' % revision, {}, {})


async def test_events_go_an_hour_after_their_last_write() -> None:
    store, clock = MemoryStore(), ManualClock()
    expiry = EventExpiry(store, clock, clock.now)
    first = await store.put(BUCKET, "default/old", 0, _draft)
    renewed = await store.put(BUCKET, "default/renewed", 0, _draft)
    await store.put("/pods", "default/a", 0, _draft)
    await expiry.sweep()
    clock.advance(LIFETIME / 2)
    await store.put(BUCKET, "default/renewed", renewed.revision, _draft)
    await expiry.sweep()
    assert store.get(BUCKET, first.key) is not None
    clock.advance(LIFETIME / 2)
    await expiry.sweep()
    assert [r.key for r in store.list(BUCKET)] == ["default/renewed"]
    clock.advance(LIFETIME / 2)
    await expiry.sweep()
    assert store.count(BUCKET) == 0
    assert store.count("/pods") == 1
    await store.close()


@pytest.mark.parametrize(
    "heard",
    [
        lambda time: {"lastTimestamp": time},
        lambda time: {"series": {"count": 2, "lastObservedTime": time}},
        lambda time: {"metadata": {"managedFields": [{"manager": "m", "time": time}]}},
        lambda time: {"metadata": {"creationTimestamp": time}},
    ],
    ids=["last", "series", "managed", "created"],
)
async def test_events_that_ended_while_nothing_ran_go_at_the_start(heard) -> None:
    store, clock = MemoryStore(), ManualClock()

    async def put(key: str, age: float) -> None:
        event = {
            "eventTime": None,
            "series": None,
            "metadata": {"creationTimestamp": rfc3339(clock.now() - 10 * LIFETIME)},
        }
        about = heard(rfc3339(clock.now() - age))
        event["metadata"] |= about.pop("metadata", {})
        text = orjson.dumps({**event, **about})[1:]
        await store.put(BUCKET, f"default/{key}", 0, lambda _: Draft(text, {}, {}))

    for number in range(450):  # more than are looked at in one go
        await put(f"old-{number}", LIFETIME + 5)
    await put("young", LIFETIME - 5)
    await EventExpiry(store, clock).sweep()
    assert [record.key for record in store.list(BUCKET)] == ["default/young"]
    await store.close()


async def test_a_clock_that_is_set_forward_costs_no_events() -> None:
    store, clock, watch = MemoryStore(), ManualClock(), ManualClock()
    expiry = EventExpiry(store, clock, watch.now)
    await expiry.sweep()
    await store.put(BUCKET, "default/a", 0, _draft)
    for seconds in (100 * LIFETIME, -200 * LIFETIME, 300 * LIFETIME):
        clock.advance(seconds)
        watch.advance(60)
        await expiry.sweep()
        assert store.count(BUCKET) == 1
    watch.advance(LIFETIME)
    await expiry.sweep()
    assert store.count(BUCKET) == 0
    await store.close()
