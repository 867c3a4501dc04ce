"""A server with a hundred thousand objects: how soon it is ready, and how large it is."""

from __future__ import annotations

import asyncio
import time
import uuid
from pathlib import Path

import orjson

from bench import load
from bench.cluster import ServerProcess
from bench.figures import Figure
from bench.targets import OBJECTS, RESIDENT_WITH_OBJECTS, START_WITH_OBJECTS_SECONDS
from bench.yardstick import Calibrator
from grappe.api import resources
from grappe.apiserver.encryption import sealer_of
from grappe.apiserver.server import STORE_INDEXES
from grappe.client import connect
from grappe.store.interface import Draft
from grappe.store.sqlite import SqliteStore

_FIRST = "copied-000000"
_GROUP = 500


def measure(directory: Path) -> list[Figure]:
    """Starts with what `fill` has put there. The first one writes the archive; the second is
    what every later one is like."""
    fill(directory)
    ServerProcess(directory).stop()
    server = ServerProcess(directory)
    try:
        _settle(server)
        resident = server.memory()
        with Calibrator(directory) as calibrator:
            slowness = calibrator.slowness()
    finally:
        server.stop()
    allowed = START_WITH_OBJECTS_SECONDS * slowness
    return [
        Figure(
            f"API ready, {OBJECTS:,} ConfigMaps",
            f"{server.ready_seconds:.2f} s, {server.ready_cpu_seconds:.2f} s of CPU",
            target=f"< {allowed:.1f} s of CPU",
            met=server.ready_cpu_seconds < allowed,
        ),
        Figure(
            f"server with {OBJECTS:,} ConfigMaps, resident",
            f"{resident / 2**20:.0f} MiB",
            target=f"< {RESIDENT_WITH_OBJECTS / 2**20:.0f} MiB",
            met=resident < RESIDENT_WITH_OBJECTS,
        ),
    ]


def fill(directory: Path) -> None:
    """One ConfigMap made through the API, and copies of it, each with a name and uid of its own,
    written to the stopped server's store: creating all of them would take minutes."""
    server = ServerProcess(directory)
    try:
        asyncio.run(_create_first(server))
    finally:
        server.stop()
    asyncio.run(_copy(server))


async def _create_first(server: ServerProcess) -> None:
    client = connect(server.config.kubeconfig)
    meta = {"name": _FIRST, "namespace": "default", "labels": {"app": "bench"}}
    await client.create(resources.CONFIG_MAPS, {"metadata": meta, "data": {"k": "v" * 600}})
    await client.close()


async def _copy(server: ServerProcess) -> None:
    keys = sealer_of(server.config.encryption_config)
    store = SqliteStore.open(server.config.database, STORE_INDEXES, sealing=keys)
    bucket = resources.CONFIG_MAPS.bucket
    first = store.get(bucket, f"default/{_FIRST}")
    assert first is not None
    obj = orjson.loads(b"{" + first.body)

    def copy(name: str, revision: int) -> Draft:
        own = {"name": name, "uid": str(uuid.uuid4()), "resourceVersion": str(revision)}
        body = orjson.dumps({**obj, "metadata": {**obj["metadata"], **own}})
        return Draft(body[1:], first.labels, first.fields)

    for start in range(1, OBJECTS, _GROUP):
        names = [f"copied-{n:06d}" for n in range(start, min(start + _GROUP, OBJECTS))]
        await asyncio.gather(
            *(
                store.put(bucket, f"default/{n}", 0, lambda revision, n=n: copy(n, revision))  # type: ignore[misc]
                for n in names
            )
        )
    await store.close()


def _settle(server: ServerProcess) -> None:
    """Wait until the controllers have seen everything."""
    before = -1.0
    while (now := load.cpu_seconds(server.pid)) - before > 0.05:
        before = now
        time.sleep(1)
