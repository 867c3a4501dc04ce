"""A program that writes to a store as fast as it can and says on stdout what happens.

    writer.py PATH [--ballast FILE | --file-limit BYTES]

Lines: `ready REVISION`, then for each write `try BUCKET KEY VALUE` (VALUE `-` deletes) before it
and `ack BUCKET KEY VALUE REVISION` or `refused BUCKET KEY VALUE` after it; `freed` when a full
disk has room again. Without a fault to play it runs until killed.
"""

import argparse
import asyncio
import os
import random
import resource
import signal
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zlib import crc32

from grappe.store.core import HistoryLimits
from grappe.store.interface import CommitFailedError, Draft
from grappe.store.sqlite import SqliteStore

BUCKETS = ("/pods", "/events", "apps/deployments")
WORKERS = 24
LIMITS = HistoryLimits(events=50)


def draft(value: str, revision: int) -> Draft:
    filler = "x" * (crc32(value.encode()) % 3000)
    text = f'"metadata":{{"resourceVersion":"{revision}"}},"value":"{value}","x":"{filler}"}}'
    return Draft(text.encode(), {"value": value}, {})


def say(*words: object) -> None:
    os.write(1, " ".join(map(str, words)).encode() + b"\n")


@dataclass
class Progress:
    refusals: int = 0
    acks: int = 0


async def work(store: SqliteStore, number: int, progress: Progress) -> None:
    """Write to keys of its own, one write at a time."""
    bucket = BUCKETS[number % len(BUCKETS)]
    while True:
        key = f"ns{number}/{random.randrange(6)}"
        found = store.latest(bucket, key)
        expected = found.revision if found else 0
        value = "-" if found and random.random() < 0.2 else f"{random.getrandbits(48):x}"
        say("try", bucket, key, value)
        write = store.delete if value == "-" else store.put
        try:
            record = await write(bucket, key, expected, partial(draft, value))
        except CommitFailedError:
            say("refused", bucket, key, value)
            progress.refusals += 1
            await asyncio.sleep(0.02)
            continue
        say("ack", bucket, key, value, record.revision)
        progress.acks += 1


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("path", type=Path)
    parser.add_argument("--ballast", type=Path)
    parser.add_argument("--file-limit", type=int, default=0)
    options = parser.parse_args()
    store = SqliteStore.open(options.path, limits=LIMITS)
    say("ready", store.revision)
    if options.file_limit:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (options.file_limit, resource.RLIM_INFINITY))
    progress = Progress()
    workers = [asyncio.create_task(work(store, n, progress)) for n in range(WORKERS)]
    if not options.ballast and not options.file_limit:
        await asyncio.gather(*workers)
    while progress.refusals < 2 * WORKERS:
        await asyncio.sleep(0.01)
    if options.ballast:
        options.ballast.unlink()
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
    say("freed")
    enough = progress.acks + 500
    while progress.acks < enough:
        await asyncio.sleep(0.01)
    for worker in workers:
        worker.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main())
