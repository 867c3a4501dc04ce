"""Controllers that are killed at any point and started again end where they would have ended,
with no pod twice."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest

from grappe import controllers, scheduler
from grappe.api.resources import DEPLOYMENTS, JOBS, PODS, REPLICA_SETS
from grappe.testing.cluster import TestCluster

from .plant import Plant, add_node, background, deployment, template, until

Object = dict[str, Any]


async def killed_now_and_then(cluster: TestCluster, chance: random.Random, times: int) -> None:
    """Run controllers and scheduler; kill both so many times after a few turns of the loop, then
    let them run."""
    for number in range(times + 1):
        work = [
            asyncio.ensure_future(controllers.run(cluster.client, cluster.clock)),
            asyncio.ensure_future(scheduler.run(cluster.client, cluster.clock)),
        ]
        try:
            if number == times:
                await asyncio.gather(*work)
            for _ in range(chance.randrange(20, 400)):
                await asyncio.sleep(0)
        finally:
            for task in work:
                task.cancel()
            await asyncio.gather(*work, return_exceptions=True)


def active(pods: list[Object]) -> list[Object]:
    return [
        p
        for p in pods
        if not p["metadata"].get("deletionTimestamp")
        and (p.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
    ]


@pytest.mark.parametrize("seed", range(6))
async def test_a_rollout_survives_its_controllers(cluster: TestCluster, seed: int) -> None:
    client = cluster.client
    await add_node(client)
    plant = Plant(client, cluster.clock)
    await client.create(DEPLOYMENTS, deployment(replicas=6))
    async with background(plant.run(), killed_now_and_then(cluster, random.Random(seed), 12)):
        patch = {"spec": {"template": template("app:2")}}
        await client.patch(DEPLOYMENTS, "web", patch, "default")

        async def complete() -> bool:
            found = await client.get(DEPLOYMENTS, "web", "default")
            status = found.get("status") or {}
            return all(
                status.get(f) == 6 for f in ("replicas", "updatedReplicas", "availableReplicas")
            )

        await until(complete)
        pods = active((await client.list(PODS, "default")).items)
        assert len(pods) == 6
        assert {p["spec"]["containers"][0]["image"] for p in pods} == {"app:2"}
        replicasets = (await client.list(REPLICA_SETS, "default")).items
        assert sorted(rs["spec"]["replicas"] for rs in replicasets)[-1] == 6
        assert len(replicasets) <= 2


@pytest.mark.parametrize("seed", range(4))
async def test_a_job_counts_every_pod_once_whatever_is_killed(
    cluster: TestCluster, seed: int
) -> None:
    client = cluster.client
    await add_node(client)
    plant = Plant(client, cluster.clock)
    plant.behave = lambda pod: "Succeeded"
    subject: Object = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "task", "namespace": "default"},
        "spec": {
            "completions": 8,
            "parallelism": 3,
            "template": {
                "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}
            },
        },
    }
    await client.create(JOBS, subject)
    async with background(plant.run(), killed_now_and_then(cluster, random.Random(100 + seed), 12)):

        async def complete() -> Object | None:
            found = await client.get(JOBS, "task", "default")
            return found if (found.get("status") or {}).get("completionTime") else None

        found = await until(complete)
        assert found["status"]["succeeded"] == 8
        pods = (await client.list(PODS, "default")).items
        assert len([p for p in pods if p["status"]["phase"] == "Succeeded"]) == 8
