"""The whole server process under HTTP load, killed again and again.

What it answered is there afterwards, nothing else is, and a watch that goes on from where it was
misses nothing and repeats nothing. GRAPPE_CRASH_ROUNDS sets how many times it is killed (12).
"""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
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

ROUNDS = int(os.environ.get("GRAPPE_CRASH_ROUNDS", "12"))
WRITERS = 12
CLIENTS = 3
FOLLOWERS = 3
KEYS = 8
VERBS = ("update", "patch", "apply", "delete")


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


@asynccontextmanager
async def more_clients(config: ClusterConfig) -> AsyncIterator[list[Client]]:
    """Clients with connections of their own."""
    async with AsyncExitStack() as stack:
        clients: list[Client] = [connect(config.kubeconfig) for _ in range(CLIENTS)]
        for client in clients:
            stack.push_async_callback(client.close)
        yield clients


@dataclass
class Follower:
    """What one watch has said, over all lives of the server."""

    position: str
    watched: dict[str, tuple[str, str]] = field(default_factory=dict)
    events: int = 0

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
            self.watched[name] = (whole(obj), revision)

    async def reach(self, client: Client, found: dict[str, tuple[str, str]]) -> None:
        """Watch on until it has told all that a list has found."""
        if self.watched == found:
            return
        async with asyncio.timeout(30):
            async for event in client.watch(CONFIG_MAPS, "default", resource_version=self.position):
                self.take(event.type, event.object)
                if self.watched == found:
                    break


@dataclass
class Witness:
    """What the server answered."""

    answered: dict[str, tuple[str, str]] = field(default_factory=dict)  # name: value, revision
    tried: dict[str, str] = field(default_factory=dict)
    newest: int = 0
    writes: int = 0
    verbs: Counter[str] = field(default_factory=Counter)

    async def write(self, client: Client, number: int) -> None:
        """Create, update, patch, apply and delete objects of one's own until the server is gone."""
        while True:
            name = f"w{number}-{random.randrange(KEYS)}"
            value, revision = self.answered.get(name, ("-", ""))
            verb = random.choice(VERBS) if value != "-" else random.choice(("create", "apply"))
            wanted = "-" if verb == "delete" else f"{random.random()}"
            self.tried[name] = wanted
            try:
                found = await _write(client, verb, name, wanted, revision)
            except (TransportError, OSError):
                return
            del self.tried[name]
            if verb == "delete":
                self.answered[name] = ("-", "")
            else:
                at = found["metadata"]["resourceVersion"]
                assert whole(found) == wanted
                assert int(at) > int(revision or "0"), "the revision went back"
                self.newest = max(self.newest, int(at))
                self.answered[name] = (wanted, at)
            self.verbs[verb] += 1
            self.writes += 1

    async def check(self, client: Client) -> dict[str, tuple[str, str]]:
        """The server's state is what it answered, or the write then under way."""
        page = await client.list(CONFIG_MAPS, "default")
        assert int(page.resource_version) >= self.newest, "the revision went back"
        self.newest = int(page.resource_version)
        found = {
            o["metadata"]["name"]: (whole(o), o["metadata"]["resourceVersion"])
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
        return found


def whole(obj: Object) -> str:
    """The value written, which stands at both ends of the object: half a write would show."""
    data = obj["data"]
    assert data["value"] == data["zcopy"], f"half a write: {data}"
    return str(data["value"])


async def _write(client: Client, verb: str, name: str, value: str, revision: str) -> Object:
    """One write; what the server answered."""
    if verb == "delete":
        await client.delete(CONFIG_MAPS, name, "default")
        return {}
    data = {"value": value, "filler": "x" * random.randrange(3000), "zcopy": value}
    obj: Object = {"metadata": {"name": name, "namespace": "default"}, "data": data}
    match verb:
        case "create":
            return await client.create(CONFIG_MAPS, obj)
        case "update":
            obj["metadata"]["resourceVersion"] = revision
            return await client.update(CONFIG_MAPS, obj)
        case "patch":
            return await client.patch(CONFIG_MAPS, name, {"data": data}, "default")
        case _:
            applied = {"apiVersion": "v1", "kind": "ConfigMap", **obj}
            return await client.apply(CONFIG_MAPS, applied, field_manager="crash", force=True)


@pytest.mark.crash
@pytest.mark.timeout(120 + 20 * ROUNDS)
async def test_what_the_server_answered_survives_kill_9(tmp_path: Path) -> None:
    config = ClusterConfig("crash", tmp_path, choose_port(0), simulate=1)
    config.save()
    witness = Witness()
    followers: list[Follower] = []
    for _ in range(ROUNDS):
        async with server(config) as (process, client), more_clients(config) as clients:
            if not followers:
                at = (await client.list(CONFIG_MAPS)).resource_version
                followers = [Follower(at) for _ in range(FOLLOWERS)]
            found = await witness.check(client)
            for follower in followers:
                await follower.reach(client, found)
            tasks = [
                asyncio.create_task(witness.write(clients[n % CLIENTS], n)) for n in range(WRITERS)
            ]
            tasks += [
                asyncio.create_task(follower.watch(clients[n % CLIENTS]))
                for n, follower in enumerate(followers)
            ]
            target = witness.writes + random.choice([1, 30, 200])
            while witness.writes < target:
                for task in tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(random.uniform(0.0005, 0.004))
            process.send_signal(signal.SIGKILL)
            await asyncio.wait_for(asyncio.gather(*tasks), 30)
    async with server(config) as (_, client):
        found = await witness.check(client)
        for follower in followers:
            await follower.reach(client, found)
    assert witness.writes > ROUNDS
    assert all(follower.events > ROUNDS for follower in followers)
    print(f"{ROUNDS} kills, {witness.writes} writes answered: {dict(witness.verbs)}")


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
