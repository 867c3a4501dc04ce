import asyncio

from grappe.api.errors import conflict, not_found
from grappe.apiserver.upkeep import Upkeep
from grappe.store.interface import Draft
from grappe.store.memory import MemoryStore

BUCKET = "/configmaps"


def _draft(revision: int) -> Draft:
    return Draft(b'"metadata":{"name":"x","resourceVersion":"%d"}}' % revision, {}, {})


async def test_it_looks_at_what_there_is_and_at_what_changes_or_goes() -> None:
    store = MemoryStore()
    seen: asyncio.Queue[str] = asyncio.Queue()
    await store.put(BUCKET, "default/old", 0, _draft)
    upkeep = Upkeep("test", seen.put)
    upkeep.follow(store, BUCKET)
    upkeep.start()
    assert await seen.get() == "default/old"
    made = await store.put(BUCKET, "default/new", 0, _draft)
    assert await seen.get() == "default/new"
    await store.delete(BUCKET, "default/new", made.revision, _draft)
    assert await seen.get() == "default/new"
    await upkeep.stop()
    await store.put(BUCKET, "default/late", 0, _draft)
    assert seen.empty()


async def test_what_was_overtaken_is_tried_again_and_what_is_gone_is_not() -> None:
    answers = {
        "gone": [not_found("configmaps", "gone")],
        "busy": [conflict("configmaps", "busy", "overtaken")],
    }
    calls: list[str] = []
    done = asyncio.Event()

    async def work(key: str) -> None:
        calls.append(key)
        if answers.get(key):
            raise answers[key].pop()
        done.set()

    upkeep = Upkeep("test", work)
    upkeep.look_at(["busy", "gone"])
    upkeep.start()
    await asyncio.wait_for(done.wait(), 10)
    await upkeep.stop()
    assert calls == ["busy", "gone", "busy"]
