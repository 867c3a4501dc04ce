"""Owners and dependents, with replication controllers, deployments and their pods."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.testing.cluster import TestCluster
from tests.cluster.conformance.conftest import Api
from tests.cluster.plant import deployment, plant, template, until

Object = dict[str, Any]
PODS = "/api/v1/namespaces/default/pods"
CONTROLLERS = "/api/v1/namespaces/default/replicationcontrollers"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
SETS = "/apis/apps/v1/namespaces/default/replicasets"


def controller(name: str, replicas: int) -> Object:
    made = template()
    made["metadata"]["labels"] = {"rc": name}
    return {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"rc": name}, "template": made},
    }


def pod(name: str) -> Object:
    spec = {"containers": [{"name": "c", "image": "i:1"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


async def count(api: Api, path: str, wanted: int) -> list[Object]:
    """Once there are so many objects: those."""

    async def enough() -> list[Object] | None:
        items = (await api.ok("GET", path))["items"]
        return [items] if len(items) == wanted else None  # type: ignore[list-item]

    return (await until(enough))[0]  # type: ignore[return-value]


async def gone(api: Api, path: str) -> None:
    async def away() -> bool:
        return (await api("GET", path)).status == 404

    await until(away)


async def delete(api: Api, path: str, policy: str) -> None:
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": policy}
    await api.ok("DELETE", path, options)


async def test_pods_go_with_their_controller(cluster: TestCluster, api: Api) -> None:
    async with plant(cluster):
        await api.ok("POST", CONTROLLERS, controller("a", 2))
        await count(api, PODS, 2)
        await delete(api, f"{CONTROLLERS}/a", "Background")
        await count(api, PODS, 0)


async def test_pods_are_orphaned_if_the_options_say_so(cluster: TestCluster, api: Api) -> None:
    async with plant(cluster):
        await api.ok("POST", CONTROLLERS, controller("a", 5))
        await count(api, PODS, 5)
        await delete(api, f"{CONTROLLERS}/a", "Orphan")
        await gone(api, f"{CONTROLLERS}/a")
        for left in await count(api, PODS, 5):
            assert "ownerReferences" not in left["metadata"]
            assert "deletionTimestamp" not in left["metadata"]


@pytest.mark.parametrize("policy", ["Background", "Orphan"])
async def test_replica_sets_of_a_deployment(cluster: TestCluster, api: Api, policy: str) -> None:
    async with plant(cluster):
        await api.ok("POST", DEPLOYMENTS, deployment())
        await count(api, SETS, 1)
        await count(api, PODS, 2)
        await delete(api, f"{DEPLOYMENTS}/web", policy)
        await gone(api, f"{DEPLOYMENTS}/web")
        left = 0 if policy == "Background" else 1
        sets = await count(api, SETS, left)
        await count(api, PODS, 2 * left)
        assert all("ownerReferences" not in s["metadata"] for s in sets)


async def test_a_foreground_deletion_keeps_the_owner_until_its_pods_are_gone(
    cluster: TestCluster, api: Api
) -> None:
    async with plant(cluster):
        await api.ok("POST", CONTROLLERS, controller("a", 10))
        held = (await count(api, PODS, 10))[0]["metadata"]["name"]
        hold = {"metadata": {"finalizers": ["example.com/hold"]}}
        await api.merge(f"{PODS}/{held}", hold)
        await delete(api, f"{CONTROLLERS}/a", "Foreground")
        (last,) = await count(api, PODS, 1)
        owner = await api.ok("GET", f"{CONTROLLERS}/a")
        assert owner["metadata"]["finalizers"] == ["foregroundDeletion"]
        assert last["metadata"]["deletionTimestamp"]
        await api.merge(f"{PODS}/{held}", {"metadata": {"finalizers": None}})
        await gone(api, f"{CONTROLLERS}/a")


async def test_a_dependent_with_another_valid_owner_stays(cluster: TestCluster, api: Api) -> None:
    async with plant(cluster):
        await api.ok("POST", CONTROLLERS, controller("a", 6))
        second = await api.ok("POST", CONTROLLERS, controller("b", 0))
        pods = await count(api, PODS, 6)
        owner = {
            "apiVersion": "v1",
            "kind": "ReplicationController",
            "name": "b",
            "uid": second["metadata"]["uid"],
        }
        shared = [p["metadata"] for p in pods[:3]]
        for meta in shared:
            patch = {"metadata": {"ownerReferences": [*meta["ownerReferences"], owner]}}
            await api.merge(f"{PODS}/{meta['name']}", patch)
        await delete(api, f"{CONTROLLERS}/a", "Foreground")
        await gone(api, f"{CONTROLLERS}/a")
        left = await count(api, PODS, 3)
        assert {p["metadata"]["uid"] for p in left} == {meta["uid"] for meta in shared}
        assert not any("deletionTimestamp" in p["metadata"] for p in left)


async def test_a_circle_of_owners_blocks_nothing(cluster: TestCluster, api: Api) -> None:
    async with plant(cluster):
        made = [await api.ok("POST", PODS, pod(f"p{n}")) for n in range(3)]
        for n, meta in enumerate(made):
            owner = made[n - 1]["metadata"]
            reference = {
                "apiVersion": "v1",
                "kind": "Pod",
                "name": owner["name"],
                "uid": owner["uid"],
                "controller": True,
                "blockOwnerDeletion": True,
            }
            patch = {"metadata": {"ownerReferences": [reference]}}
            await api.merge(f"{PODS}/{meta['metadata']['name']}", patch)
        await delete(api, f"{PODS}/p0", "Foreground")
        await count(api, PODS, 0)
