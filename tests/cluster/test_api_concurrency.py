"""Many clients at once: nothing acknowledged is lost, and watchers agree with readers."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import orjson
import pytest

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import CONFIG_MAPS, ask, config_map

MERGE = {"content-type": "application/merge-patch+json"}
NAMES = [f"c-{n}" for n in range(4)]


class Client:
    """Does something random to a random object, and remembers what was acknowledged."""

    def __init__(self, cluster: TestCluster, number: int, seed: int) -> None:
        self._cluster = cluster
        self._number = number
        self._random = random.Random(f"{seed}/{number}")
        self.acknowledged: list[tuple[int, str]] = []

    async def run(self, steps: int) -> None:
        for step in range(steps):
            await self._step(self._random.choice(NAMES), f"{self._number}-{step}")
            await asyncio.sleep(0 if self._random.random() < 0.8 else 0.001)

    async def _step(self, name: str, value: str) -> None:
        path = f"{CONFIG_MAPS}/{name}"
        match self._random.randrange(5):
            case 0:
                reply = await ask(
                    self._cluster, "POST", CONFIG_MAPS, config_map(name, {"k": value})
                )
                assert reply.status in (201, 409)
            case 1:
                live = await ask(self._cluster, "GET", path)
                if live.status != 200:
                    return
                changed = {**live.body, "data": {**live.body.get("data", {}), "u": value}}
                reply = await ask(self._cluster, "PUT", path, changed)
                assert reply.status in (200, 404, 409)
            case 2:
                reply = await ask(self._cluster, "DELETE", path)
                assert reply.status in (200, 404)
                return
            case _:
                patch = {"data": {f"p{self._number}": value}}
                reply = await ask(self._cluster, "PATCH", path, patch, MERGE)
                assert reply.status in (200, 404, 409)
        if reply.status in (200, 201):
            version = int(reply.body["metadata"]["resourceVersion"])
            self.acknowledged.append((version, orjson.dumps(reply.body).decode()))


async def _watch(cluster: TestCluster, start: int) -> list[dict[str, Any]]:
    events = []
    lines = cluster.transport.stream(CONFIG_MAPS, {"watch": "1", "resourceVersion": str(start)}, {})
    async for line in lines:
        events.append(orjson.loads(line))
        if events[-1]["object"]["metadata"]["name"] == "the-end":
            break
    return events


@pytest.mark.parametrize("seed", range(4))
async def test_what_clients_were_told_is_what_watchers_saw(cluster: TestCluster, seed: int) -> None:
    start = cluster.store.revision
    watching = [asyncio.create_task(_watch(cluster, start)) for _ in range(3)]
    clients = [Client(cluster, number, seed) for number in range(6)]
    await asyncio.gather(*(client.run(40) for client in clients))
    await ask(cluster, "POST", CONFIG_MAPS, config_map("the-end"))
    async with asyncio.timeout(10):
        seen = await asyncio.gather(*watching)
    assert seen[0] == seen[1] == seen[2]

    # Every acknowledged state was an event, byte for byte, at its revision; revisions only grow.
    by_version = {int(e["object"]["metadata"]["resourceVersion"]): e for e in seen[0]}
    assert list(by_version) == sorted(by_version)
    assert len(by_version) == len(seen[0])
    for client in clients:
        for version, state in client.acknowledged:
            assert orjson.dumps(by_version[version]["object"]).decode() == state

    # The events add up to what a list shows.
    live: dict[str, Any] = {}
    for event in seen[0]:
        name = event["object"]["metadata"]["name"]
        assert (event["type"] == "ADDED") is (name not in live)
        if event["type"] == "DELETED":
            del live[name]
        else:
            live[name] = event["object"]
    listed = (await ask(cluster, "GET", CONFIG_MAPS)).body["items"]
    assert {item["metadata"]["name"]: item["metadata"]["resourceVersion"] for item in listed} == {
        name: obj["metadata"]["resourceVersion"] for name, obj in live.items()
    }


async def _count_up(cluster: TestCluster, path: str) -> int:
    """Read, add one, write, until it is written; how many tries that took."""
    tries = 0
    while True:
        tries += 1
        live = (await ask(cluster, "GET", path)).body
        live["data"]["n"] = str(int(live["data"]["n"]) + 1)
        if (await ask(cluster, "PUT", path, live)).status == 200:
            return tries


async def test_who_lost_a_race_reads_what_won_it(cluster: TestCluster) -> None:
    """Of clients that change one object over and over, each has soon had its turn."""
    await ask(cluster, "POST", CONFIG_MAPS, config_map("counter", {"n": "0"}))
    path = f"{CONFIG_MAPS}/counter"
    async with asyncio.timeout(20):
        tries = await asyncio.gather(*(_count_up(cluster, path) for _ in range(12)))
    assert (await ask(cluster, "GET", path)).body["data"]["n"] == "12"
    assert max(tries) <= 12


async def test_a_refusal_comes_after_what_it_is_refused_for(cluster: TestCluster) -> None:
    body = config_map("once")

    async def create() -> int:
        reply = await ask(cluster, "POST", CONFIG_MAPS, body)
        if reply.status == 409:
            assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/once")).status == 200
        return reply.status

    async def delete() -> int:
        reply = await ask(cluster, "DELETE", f"{CONFIG_MAPS}/once")
        assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/once")).status == 404
        return reply.status

    async def patch() -> int:
        reply = await ask(cluster, "PATCH", f"{CONFIG_MAPS}/once", {"data": {"a": "b"}}, MERGE)
        assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/once")).status == 404
        return reply.status

    made = await asyncio.gather(*(create() for _ in range(5)))
    assert sorted(made) == [201, 409, 409, 409, 409]
    gone = await asyncio.gather(delete(), *(patch() for _ in range(3)), delete())
    assert gone == [200, 404, 404, 404, 404]
