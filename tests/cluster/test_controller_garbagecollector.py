"""Cascading deletion in its three modes, over built-in and custom resources."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.api.resources import (
    CONFIG_MAPS,
    CUSTOM_RESOURCE_DEFINITIONS,
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    Resource,
)
from grappe.client.rest import RestClient
from grappe.testing.cluster import TestCluster

from .plant import deployment, gone, plant, until

Object = dict[str, Any]

WIDGETS = Resource("example.com", "v1", "widgets", "Widget")


def config_map(name: str, *owners: Object, block: bool = False) -> Object:
    references = [
        {
            "apiVersion": o["apiVersion"],
            "kind": o["kind"],
            "name": o["metadata"]["name"],
            "uid": o["metadata"]["uid"],
            "blockOwnerDeletion": block,
        }
        for o in owners
    ]
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default", "ownerReferences": references},
    }


async def rolled_out(client: RestClient, replicas: int = 2) -> None:
    await client.create(DEPLOYMENTS, deployment(replicas=replicas))

    async def ready() -> bool:
        found = await client.get(DEPLOYMENTS, "web", "default")
        return (found.get("status") or {}).get("availableReplicas") == replicas

    await until(ready)


async def nothing_left(client: RestClient) -> bool:
    return not any(
        [(await client.list(r, "default")).items for r in (DEPLOYMENTS, REPLICA_SETS, PODS)]
    )


async def test_background_deletion_takes_replicasets_and_pods_after_their_owner(
    cluster: TestCluster,
) -> None:
    async with plant(cluster):
        await rolled_out(cluster.client)
        await cluster.client.delete(DEPLOYMENTS, "web", "default")
        assert await gone(cluster.client, DEPLOYMENTS, "web")
        await until(lambda: nothing_left(cluster.client))


async def test_foreground_deletion_takes_the_owner_last(cluster: TestCluster) -> None:
    async with plant(cluster) as made:
        await rolled_out(cluster.client)
        order: list[str] = []
        made.pods.add_handler(
            lambda kind, pod, old: order.append("pod") if kind == "DELETED" else None
        )
        await cluster.client.delete(DEPLOYMENTS, "web", "default", propagation="Foreground")

        async def owner_gone() -> bool:
            if await gone(cluster.client, DEPLOYMENTS, "web"):
                order.append("owner")
                return True
            return False

        await until(owner_gone)
        assert order == ["pod", "pod", "owner"]
        assert await nothing_left(cluster.client)


async def test_orphaning_leaves_dependents_without_an_owner(cluster: TestCluster) -> None:
    async with plant(cluster):
        await rolled_out(cluster.client)
        await cluster.client.delete(DEPLOYMENTS, "web", "default", propagation="Orphan")
        await until(lambda: gone(cluster.client, DEPLOYMENTS, "web"))
        [rs] = (await cluster.client.list(REPLICA_SETS, "default")).items
        assert not rs["metadata"].get("ownerReferences")
        assert len((await cluster.client.list(PODS, "default")).items) == 2


async def test_an_orphaned_replicaset_is_adopted_again(cluster: TestCluster) -> None:
    async with plant(cluster):
        await rolled_out(cluster.client)
        [before] = (await cluster.client.list(REPLICA_SETS, "default")).items
        await cluster.client.delete(DEPLOYMENTS, "web", "default", propagation="Orphan")
        await until(lambda: gone(cluster.client, DEPLOYMENTS, "web"))
        made = await cluster.client.create(DEPLOYMENTS, deployment(replicas=2))

        async def adopted() -> bool:
            [rs] = (await cluster.client.list(REPLICA_SETS, "default")).items
            owners = rs["metadata"].get("ownerReferences") or ()
            return [o["uid"] for o in owners] == [made["metadata"]["uid"]]

        await until(adopted)
        [after] = (await cluster.client.list(REPLICA_SETS, "default")).items
        assert after["metadata"]["uid"] == before["metadata"]["uid"]


async def test_an_object_with_a_second_owner_loses_only_the_reference(
    cluster: TestCluster,
) -> None:
    async with plant(cluster):
        one = await cluster.client.create(CONFIG_MAPS, config_map("one"))
        two = await cluster.client.create(CONFIG_MAPS, config_map("two"))
        await cluster.client.create(CONFIG_MAPS, config_map("both", one, two))
        await cluster.client.delete(CONFIG_MAPS, "one", "default")

        async def left() -> bool:
            found = await cluster.client.get(CONFIG_MAPS, "both", "default")
            return [o["name"] for o in found["metadata"]["ownerReferences"]] == ["two"]

        await until(left)
        await cluster.client.delete(CONFIG_MAPS, "two", "default")
        await until(lambda: gone(cluster.client, CONFIG_MAPS, "both"))


async def test_an_owner_that_never_was_or_is_another_by_now_does_not_count(
    cluster: TestCluster,
) -> None:
    async with plant(cluster):
        one = await cluster.client.create(CONFIG_MAPS, config_map("one"))
        impostor = {**one, "metadata": {**one["metadata"], "uid": "of-an-earlier-namesake"}}
        await cluster.client.create(CONFIG_MAPS, config_map("of-one", one))
        await cluster.client.create(CONFIG_MAPS, config_map("of-nobody", impostor))
        await until(lambda: gone(cluster.client, CONFIG_MAPS, "of-nobody"))
        assert not await gone(cluster.client, CONFIG_MAPS, "of-one")


async def test_two_that_wait_for_each_other_are_both_deleted(cluster: TestCluster) -> None:
    async with plant(cluster):
        one = await cluster.client.create(CONFIG_MAPS, config_map("one"))
        two = await cluster.client.create(CONFIG_MAPS, config_map("two", one, block=True))
        references = config_map("one", two, block=True)["metadata"]["ownerReferences"]
        patch = {"metadata": {"ownerReferences": references}}
        await cluster.client.patch(CONFIG_MAPS, "one", patch, "default")
        await cluster.client.delete(CONFIG_MAPS, "one", "default", propagation="Foreground")
        await until(lambda: gone(cluster.client, CONFIG_MAPS, "one"))
        await until(lambda: gone(cluster.client, CONFIG_MAPS, "two"))


def crd() -> Object:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


@pytest.mark.parametrize("widget_owns", [True, False], ids=["as owner", "as dependent"])
async def test_custom_resources_that_come_while_it_runs(
    cluster: TestCluster, widget_owns: bool
) -> None:
    async with plant(cluster):
        client = cluster.client
        await client.create(CUSTOM_RESOURCE_DEFINITIONS, crd())
        widget: Object = {
            "apiVersion": "example.com/v1",
            "kind": "Widget",
            "metadata": {"name": "w", "namespace": "default"},
        }
        if widget_owns:
            owner = await until(lambda: client.create(WIDGETS, widget))
            await client.create(CONFIG_MAPS, config_map("of-widget", owner))
            await client.delete(WIDGETS, "w", "default")
            await until(lambda: gone(client, CONFIG_MAPS, "of-widget"))
        else:
            owner = await client.create(CONFIG_MAPS, config_map("owner"))
            widget["metadata"]["ownerReferences"] = config_map("x", owner)["metadata"][
                "ownerReferences"
            ]
            await until(lambda: client.create(WIDGETS, widget))
            await client.delete(CONFIG_MAPS, "owner", "default")
            await until(lambda: gone(client, WIDGETS, "w"))


async def test_a_definition_that_is_deleted_at_once_holds_up_nobody(cluster: TestCluster) -> None:
    async with plant(cluster):
        client = cluster.client
        for _ in range(3):
            await client.create(CUSTOM_RESOURCE_DEFINITIONS, crd())
            await client.delete(CUSTOM_RESOURCE_DEFINITIONS, "widgets.example.com")
            await until(
                lambda: gone(client, CUSTOM_RESOURCE_DEFINITIONS, "widgets.example.com", "")
            )
        owner = await client.create(CONFIG_MAPS, config_map("owner"))
        await client.create(CONFIG_MAPS, config_map("owned", owner))
        await client.delete(CONFIG_MAPS, "owner", "default")
        await until(lambda: gone(client, CONFIG_MAPS, "owned"))
