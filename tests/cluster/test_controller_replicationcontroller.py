"""ReplicationControllers, the elder ReplicaSets."""

from __future__ import annotations

from typing import Any

from grappe.api.resources import PODS, builtin
from grappe.testing.cluster import TestCluster

from .plant import events, plant, template, until

Object = dict[str, Any]
CONTROLLERS = builtin("", "v1", "replicationcontrollers")


async def test_it_keeps_its_pods_and_adopts_what_matches_but_nothing_else(
    cluster: TestCluster,
) -> None:
    assert CONTROLLERS is not None
    async with plant(cluster):
        client = cluster.client

        def bare(name: str, **labels: str) -> Object:
            return {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {"name": name, "namespace": "default", "labels": labels},
                "spec": template()["spec"],
            }

        await client.create(PODS, bare("mine", app="web"))
        await client.create(PODS, bare("other", app="other"))
        subject: Object = {
            "apiVersion": "v1",
            "kind": "ReplicationController",
            "metadata": {"name": "old", "namespace": "default"},
            "spec": {"replicas": 3, "selector": {"app": "web"}, "template": template()},
        }
        await client.create(CONTROLLERS, subject)

        async def available() -> bool:
            status = (await client.get(CONTROLLERS, "old", "default")).get("status") or {}
            return status.get("availableReplicas") == 3

        await until(available)
        pods = {p["metadata"]["name"]: p for p in (await client.list(PODS, "default")).items}
        assert len(pods) == 4
        owned = [n for n, p in pods.items() if p["metadata"].get("ownerReferences")]
        assert "mine" in owned
        assert "other" not in owned
        assert len(await events(client, "old")) == 2
