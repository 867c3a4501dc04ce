"""The machine's clock is set hours forward, and days back, while a whole cluster runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from grappe import controllers, scheduler
from grappe.api.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    EVENTS,
    LEASES,
    NODES,
    PODS,
    SERVICE_ACCOUNTS,
    builtin,
)
from grappe.apiserver.http.messages import User
from grappe.base.clock import SystemClock, parse_rfc3339
from grappe.client.rest import RestClient
from grappe.controllers.nodelifecycle import controller as nodelifecycle
from grappe.controllers.nodelifecycle import decide
from grappe.node import agent, registration
from grappe.node.runtime.simulated import SimulatedRuntime
from grappe.node.settings import NodeSettings
from grappe.testing.cluster import TestCluster, running_cluster

from .api_requests import CONFIG_MAPS as MAPS_PATH
from .api_requests import Reply, ask
from .plant import background, deployment, until

Object = dict[str, Any]

TOKEN_REVIEWS = builtin("authentication.k8s.io", "v1", "tokenreviews")
assert TOKEN_REVIEWS is not None

HOUR, DAY = 3600.0, 86400.0
GRACE = 6.0  # seconds of silence, instead of 50, that make a node unknown


class SetClock(SystemClock):
    """The machine's clock after somebody has set it."""

    offset = 0.0

    def now(self) -> float:
        return super().now() + self.offset


class Running:
    """A server, controllers, scheduler and two simulated nodes that all look at one clock."""

    def __init__(self, cluster: TestCluster, clock: SetClock, directory: Path) -> None:
        self.cluster, self.client, self.clock = cluster, cluster.client, clock
        self.agents = {
            name: asyncio.create_task(self._agent(name, directory / name, number))
            for number, name in enumerate(("n1", "n2"))
        }

    async def _agent(self, name: str, directory: Path, number: int) -> None:
        pods = f"10.9.{number}.0/24"
        settings = NodeSettings("test", name, "127.0.0.1", directory, pod_cidr=pods, simulated=True)
        user = User(f"system:node:{name}", ("system:nodes", "system:authenticated"))
        runtime = SimulatedRuntime(pods, directory=directory, clock=self.clock)
        await agent.run(self.cluster.client_of(user), settings, runtime, self.clock)

    async def stop(self, *names: str) -> None:
        for name in names:
            self.agents[name].cancel()
        await asyncio.gather(*(self.agents[n] for n in names), return_exceptions=True)

    async def ready(self) -> dict[str, str]:
        """Node → status of its Ready condition."""
        return {
            node["metadata"]["name"]: next(
                (c["status"] for c in node["status"]["conditions"] if c["type"] == "Ready"), ""
            )
            for node in (await self.client.list(NODES)).items
        }

    async def pods(self) -> dict[str, str]:
        """The uids and nodes of the pods that are ready."""
        return {
            pod["metadata"]["uid"]: pod["spec"]["nodeName"]
            for pod in (await self.client.list(PODS, "default")).items
            if any(
                c["type"] == "Ready" and c["status"] == "True"
                for c in (pod.get("status") or {}).get("conditions") or ()
            )
            and not pod["metadata"].get("deletionTimestamp")
        }

    async def heard_again(self) -> None:
        """Both nodes have renewed their leases by the clock as it is now, more than once, and so
        everything that looks at them has had its turn."""
        for _ in range(3):
            since = self.clock.now()

            async def renewed(since: float = since) -> bool:
                leases = (await self.client.list(LEASES, "kube-node-lease")).items
                times = [parse_rfc3339(lease["spec"]["renewTime"]) for lease in leases]
                return len(times) == 2 and all(0 <= t - since < 60 for t in times)

            await until(renewed)

    async def scale(self, replicas: int) -> dict[str, str]:
        """Until so many pods are ready."""
        patch = {"spec": {"replicas": replicas}}
        await self.client.patch(DEPLOYMENTS, "web", patch, "default")

        async def scaled() -> dict[str, str] | None:
            found = await self.pods()
            return found if len(found) == replicas else None

        return await until(scaled)


@pytest.fixture
async def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    for module in (decide, nodelifecycle):
        monkeypatch.setattr(module, "GRACE", GRACE)
    monkeypatch.setattr(registration, "_RENEW_SECONDS", 0.2)
    clock = SetClock()
    async with running_cluster(clock=clock) as cluster:
        made = Running(cluster, clock, tmp_path)
        work = [
            controllers.run(cluster.client, clock, root_ca=lambda: "PEM"),
            scheduler.run(cluster.client, clock),
        ]
        try:
            async with background(*work):
                await made.heard_again()
                await made.client.create(DEPLOYMENTS, deployment(replicas=4))
                await made.scale(4)
                yield made
        finally:
            await made.stop("n1", "n2")


async def revision(client: RestClient) -> int:
    return int((await client.list(CONFIG_MAPS, "default")).resource_version)


async def write(client: RestClient, name: str) -> int:
    made = await client.create(CONFIG_MAPS, {"metadata": {"name": name, "namespace": "default"}})
    return int(made["metadata"]["resourceVersion"])


@pytest.mark.parametrize("by", [GRACE + 1, 3 * HOUR, 40 * DAY, -3 * HOUR, -40 * DAY])
async def test_a_clock_that_is_set_moves_no_pod_and_loses_no_node(
    running: Running, by: float
) -> None:
    before = await running.pods()
    told = {e["metadata"]["uid"] for e in (await running.client.list(EVENTS)).items}
    last = await write(running.client, "before")
    running.clock.offset += by
    await running.heard_again()
    assert await running.ready() == {"n1": "True", "n2": "True"}
    assert await running.pods() == before
    listed = (await running.client.list(NODES)).items
    assert [t for n in listed for t in n["spec"].get("taints") or ()] == []
    assert told <= {e["metadata"]["uid"] for e in (await running.client.list(EVENTS)).items}
    assert await write(running.client, "after") > last
    grown = await running.scale(6)  # scheduled, started and found ready by the new time
    assert before.items() <= grown.items()


@pytest.mark.parametrize("by", [3 * HOUR, -3 * HOUR])
async def test_a_node_that_falls_silent_is_still_noticed(running: Running, by: float) -> None:
    await running.stop("n2")
    running.clock.offset += by

    async def lost() -> bool:
        return await running.ready() == {"n1": "True", "n2": "Unknown"}

    await until(lost)


@pytest.mark.parametrize("by", [3 * HOUR, -3 * HOUR])
async def test_a_watch_goes_on_and_ends_when_it_should(running: Running, by: float) -> None:
    client = running.client
    seen: list[str] = []

    async def watch() -> None:
        since = str(await revision(client))
        async for event in client.watch(
            CONFIG_MAPS, "default", resource_version=since, timeout_seconds=3
        ):
            if event.type != "BOOKMARK":
                seen.append(event.object["metadata"]["name"])

    watching = asyncio.create_task(watch())
    await write(client, "one")
    running.clock.offset += by
    await write(client, "two")
    async with asyncio.timeout(15):
        await watching
    assert seen[-1] == "two"


async def test_a_list_in_pages_goes_on_whatever_the_clock_says(running: Running) -> None:
    for name in ("a", "b", "c"):
        await write(running.client, name)

    async def page(token: str) -> Reply:
        more = {"continue": token} if token else {}
        return await ask(running.cluster, "GET", MAPS_PATH, limit="1", **more)

    for by, status in ((-HOUR, 200), (2 * HOUR, 410)):
        first = await page("")
        running.clock.offset += by
        second = await page(first.body["metadata"]["continue"])
        assert second.status == status
        if status == 410:  # too old by the new time; the answer says how to go on
            assert second.body["reason"] == "Expired"
            second = await page(second.body["metadata"]["continue"])
        names = [found.body["items"][0]["metadata"]["name"] for found in (first, second)]
        assert names[0] < names[1]


async def test_tokens_follow_the_clock_and_new_ones_are_good_at_once(running: Running) -> None:
    client = running.client

    async def new() -> str:
        made = await client.create(
            SERVICE_ACCOUNTS,
            {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "spec": {}},
            "default",
            name="default",
            subresource="token",
        )
        return str(made["status"]["token"])

    async def good(token: str) -> bool:
        review = await client.create(TOKEN_REVIEWS, {"metadata": {}, "spec": {"token": token}})
        return bool(review["status"].get("authenticated"))

    old = await new()
    for by in (3 * HOUR, -6 * HOUR):
        running.clock.offset += by
        assert not await good(old)  # expired; not valid yet
        assert await good(await new())
    running.clock.offset += 3 * HOUR
    assert await good(old)
