"""Queueing a write, and waiting for its commit.

What a write has reserved follows the write, not the request that made it: a client that goes away
while the disk is busy takes nothing with it.
"""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable
from functools import partial

from grappe.api.errors import internal
from grappe.apiserver.registry.strategies.base import NO_RESERVATION, Reservation
from grappe.store.interface import CommitFailedError, Record, RevisionMismatchError, Store


async def commit(
    write: Callable[[], Future[Record]], reservation: Reservation = NO_RESERVATION
) -> Record:
    """Queue `write` and wait until it is on disk.

    RevisionMismatchError when another write was quicker; ApiError 500 when the disk refuses it.
    """
    try:
        queued = write()
    except BaseException:
        reservation.undo()
        raise
    if reservation is NO_RESERVATION:
        waiting = queued  # giving up on it harms nothing: the store commits all the same
    else:
        queued.add_done_callback(partial(_settle, reservation))
        waiting = asyncio.shield(queued)
    try:
        return await waiting
    except CommitFailedError as error:
        raise internal(f"the change could not be stored: {error}") from error


def _settle(reservation: Reservation, queued: Future[Record]) -> None:
    if queued.cancelled() or queued.exception() is not None:
        reservation.undo()
    else:
        reservation.confirm()


async def until_committed(store: Store, bucket: str, record: Record) -> None:
    """Return once `record`, the newest state of its key, is on disk: only then may a client be
    told of it. RevisionMismatchError when it never got there, or is the newest no longer."""
    while True:
        committed = store.get(bucket, record.key)
        if committed is not None and committed.revision == record.revision:
            return
        newest = store.latest(bucket, record.key)
        if newest is None or newest.revision != record.revision:
            raise RevisionMismatchError(newest)
        await asyncio.sleep(0)  # a commit is a few turns of the loop away


async def until_settled(store: Store, bucket: str, key: str) -> None:
    """Return once no write of the key is pending. A client that lost against one reads again at
    once when it is told so: it must not find what it found before."""
    while True:
        if store.latest(bucket, key) is store.get(bucket, key):
            return
        await asyncio.sleep(0)  # a commit is a few turns of the loop away
