from __future__ import annotations

import asyncio

import pytest

from grappe.api.errors import ApiError
from grappe.apiserver.registry.committing import commit, until_committed
from grappe.apiserver.registry.strategies.base import Reservation
from grappe.store.interface import CommitFailedError, Draft, Record, RevisionMismatchError
from grappe.store.memory import MemoryStore

BUCKET = "/services"


def _draft(revision: int) -> Draft:
    return Draft(b'"metadata":{}}', {}, {})


class Outcome:
    """Counts what became of a reservation."""

    def __init__(self) -> None:
        self.undone = self.confirmed = 0

    @property
    def reservation(self) -> Reservation:
        return Reservation(self._undo, self._confirm)

    def _undo(self) -> None:
        self.undone += 1

    def _confirm(self) -> None:
        self.confirmed += 1


async def test_a_commit_confirms_before_the_writer_is_told() -> None:
    store, outcome = MemoryStore(), Outcome()
    record = await commit(lambda: store.put(BUCKET, "a", 0, _draft), outcome.reservation)
    assert (outcome.confirmed, outcome.undone) == (1, 0)
    assert store.get(BUCKET, "a") == record


async def test_a_lost_race_undoes() -> None:
    store, outcome = MemoryStore(), Outcome()
    with pytest.raises(RevisionMismatchError):
        await commit(lambda: store.put(BUCKET, "a", 7, _draft), outcome.reservation)
    assert (outcome.confirmed, outcome.undone) == (0, 1)


async def test_a_disk_that_refuses_undoes_and_blames_nobody_else() -> None:
    outcome = Outcome()
    loop = asyncio.get_running_loop()
    write: asyncio.Future[Record] = loop.create_future()
    loop.call_soon(write.set_exception, CommitFailedError("no space left on device"))
    with pytest.raises(ApiError) as caught:
        await commit(lambda: write, outcome.reservation)
    assert caught.value.code == 500
    assert "no space left on device" in caught.value.message
    assert (outcome.confirmed, outcome.undone) == (0, 1)


async def test_a_client_that_goes_away_leaves_the_write_and_its_reservation() -> None:
    store, outcome = MemoryStore(), Outcome()
    writing = asyncio.create_task(
        commit(lambda: store.put(BUCKET, "a", 0, _draft), outcome.reservation)
    )
    while store.latest(BUCKET, "a") is None:
        await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    while store.get(BUCKET, "a") is None:
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (outcome.confirmed, outcome.undone) == (1, 0)


async def test_pending_state_is_told_only_once_committed() -> None:
    store = MemoryStore()
    write = store.put(BUCKET, "a", 0, _draft)
    pending = store.latest(BUCKET, "a")
    assert pending is not None
    assert store.get(BUCKET, "a") is None
    await until_committed(store, BUCKET, pending)
    assert store.get(BUCKET, "a") is not None
    await write
    await store.put(BUCKET, "a", pending.revision, _draft)
    with pytest.raises(RevisionMismatchError):
        await until_committed(store, BUCKET, pending)
