"""The whole server process under HTTP load, killed again and again.

What it answered is there afterwards, and a watch that goes on from where it was misses nothing and
repeats nothing.
"""

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import CONFIG_MAPS
from grappe.assembly.ports import choose_port
from grappe.base.config import ClusterConfig
from grappe.client import connect
from grappe.client.interface import Client, TransportError

ROUNDS = max(2, int(os.environ.get("GRAPPE_CRASH_ROUNDS", "30")) // 6)
WRITERS = 12
KEYS = 8


@asynccontextmanager
async def server(config: ClusterConfig) -> AsyncIterator[tuple[asyncio.subprocess.Process, Client]]:
    """A server process that answers; killed at the end, if it still lives."""
    log = await asyncio.to_thread((config.data_dir / "server.log").open, "ab")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "grappe.assembly.server",
        str(config.data_dir),
        stdout=log,
        stderr=log,
    )
    log.close()
    client: Client | None = None
    try:
        async with asyncio.timeout(60):
            while client is None:
                assert process.returncode is None, "the server ended"
                try:
                    candidate = connect(config.kubeconfig)
                    await candidate.raw("GET", "/readyz")
                    client = candidate
                except Exception:
                    await asyncio.sleep(0.05)
        yield process, client
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        if client is not None:
            await client.close()


@dataclass
class Witness:
    """What the server answered, and what its watch said."""

    answered: dict[str, tuple[str, str]] = field(default_factory=dict)  # name: value, revision
    tried: dict[str, str] = field(default_factory=dict)
    watched: dict[str, tuple[str, str]] = field(default_factory=dict)
    position: str = ""
    events: int = 0
    writes: int = 0

    async def write(self, client: Client, number: int) -> None:
        """Create, update and delete objects of one's own until the server is gone."""
        while True:
            name = f"w{number}-{random.randrange(KEYS)}"
            value, revision = self.answered.get(name, ("-", ""))
            wanted = "-" if value != "-" and random.random() < 0.25 else f"{random.random()}"
            self.tried[name] = wanted
            try:
                if wanted == "-":
                    await client.delete(CONFIG_MAPS, name, "default")
                    self.answered[name] = ("-", "")
                else:
                    obj: Object = {
                        "metadata": {"name": name, "namespace": "default"},
                        "data": {"value": wanted, "filler": "x" * random.randrange(3000)},
                    }
                    if value == "-":
                        found = await client.create(CONFIG_MAPS, obj)
                    else:
                        obj["metadata"]["resourceVersion"] = revision
                        found = await client.update(CONFIG_MAPS, obj)
                    self.answered[name] = (wanted, found["metadata"]["resourceVersion"])
            except (TransportError, OSError):
                return
            del self.tried[name]
            self.writes += 1

    async def watch(self, client: Client) -> None:
        """Follow from where the last watch ended, until the server is gone."""
        try:
            async for event in client.watch(CONFIG_MAPS, "default", resource_version=self.position):
                self.take(event.type, event.object)
        except (TransportError, OSError):
            return

    def take(self, kind: str, obj: Object) -> None:
        metadata = obj["metadata"]
        revision = metadata["resourceVersion"]
        assert int(revision) > int(self.position), "an event came twice, or out of order"
        self.position = revision
        if kind == "BOOKMARK" or not metadata["name"].startswith("w"):
            return
        self.events += 1
        name = metadata["name"]
        known = name in self.watched
        assert known == (kind != "ADDED"), f"{kind} of {name}: an event was missed"
        if kind == "DELETED":
            del self.watched[name]
        else:
            self.watched[name] = (obj["data"]["value"], revision)

    async def check(self, client: Client) -> None:
        """The server's state is what it answered, or the write then under way."""
        page = await client.list(CONFIG_MAPS, "default")
        found = {
            o["metadata"]["name"]: (o["data"]["value"], o["metadata"]["resourceVersion"])
            for o in page.items
            if o["metadata"]["name"].startswith("w")
        }
        for name, (value, revision) in list(self.answered.items()):
            now, at = found.get(name, ("-", ""))
            if name in self.tried and now == self.tried[name]:
                self.answered[name] = (now, at)
                continue
            assert (now, at) == (value, revision), f"{name} was answered otherwise"
        for name, value in self.tried.items():
            if name in found and found[name][0] == value:
                self.answered[name] = found[name]
        assert all(self.answered[name] == entry for name, entry in found.items())
        self.tried.clear()
        if self.watched != found:
            async with asyncio.timeout(30):
                async for event in client.watch(
                    CONFIG_MAPS, "default", resource_version=self.position
                ):
                    self.take(event.type, event.object)
                    if self.watched == found:
                        break


@pytest.mark.crash
@pytest.mark.timeout(120 + 20 * ROUNDS)
async def test_what_the_server_answered_survives_kill_9(tmp_path: Path) -> None:
    config = ClusterConfig("crash", tmp_path, choose_port(0), simulate=1)
    config.save()
    witness = Witness()
    for number in range(ROUNDS):
        async with server(config) as (process, client):
            if number == 0:
                witness.position = (await client.list(CONFIG_MAPS)).resource_version
            elif witness.events:
                await witness.check(client)
            tasks = [asyncio.create_task(witness.write(client, n)) for n in range(WRITERS)]
            watching = asyncio.create_task(witness.watch(client))
            target = witness.writes + random.choice([1, 30, 400])
            while witness.writes < target:
                for task in (*tasks, watching):
                    if task.done():
                        task.result()
                await asyncio.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            await asyncio.wait_for(asyncio.gather(*tasks, watching), 30)
    async with server(config) as (_, client):
        await witness.check(client)
    assert witness.writes > ROUNDS
    assert witness.events > ROUNDS


async def test_an_object_too_large_for_the_disk_is_refused_and_the_server_lives(
    tmp_path: Path,
) -> None:
    """A commit that fails is an answer, not an end: status 500 with the reason."""
    config = ClusterConfig("full", tmp_path, choose_port(0), simulate=1)
    config.save()
    async with server(config) as (process, client):
        await client.create(CONFIG_MAPS, config_map("before"))
        limit = sum(f.stat().st_size for f in tmp_path.glob("state.db*")) + 200_000
        prlimit = await asyncio.create_subprocess_exec(
            "prlimit", f"--pid={process.pid}", f"--fsize={limit}:{limit}"
        )
        assert await prlimit.wait() == 0
        refusals = await asyncio.gather(
            *[client.create(CONFIG_MAPS, config_map(f"big-{i}", "x" * 900_000)) for i in range(3)],
            return_exceptions=True,
        )
        assert [e.code for e in refusals if isinstance(e, ApiError)] == [500, 500, 500]
        found = await client.get(CONFIG_MAPS, "before", "default")
        assert found["metadata"]["name"] == "before"
        assert process.returncode is None


def config_map(name: str, text: str = "") -> Object:
    return {"metadata": {"name": name, "namespace": "default"}, "data": {"text": text}}
