from __future__ import annotations

from grappe.apiserver.registry.expiry import LIFETIME, EventExpiry
from grappe.base.clock import ManualClock
from grappe.store.interface import Draft
from grappe.store.memory import MemoryStore

BUCKET = "/events"


def _draft(revision: int) -> Draft:
    return Draft(b'"metadata":{"name":"x","resourceVersion":"%d"}}' % revision, {}, {})


async def test_events_go_an_hour_after_their_last_write() -> None:
    store, clock = MemoryStore(), ManualClock()
    expiry = EventExpiry(store, clock)
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
