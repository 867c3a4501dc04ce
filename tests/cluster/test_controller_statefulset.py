"""StatefulSets from end to end within the process."""

from __future__ import annotations

from typing import Any

from grappe.api.resources import CONTROLLER_REVISIONS, PODS, builtin
from grappe.testing.cluster import TestCluster

from .plant import events, plant, template, until

Object = dict[str, Any]
STATEFUL_SETS = builtin("apps", "v1", "statefulsets")


def statefulset(**spec: Any) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": {"name": "db", "namespace": "default"},
        "spec": {
            "replicas": 3,
            "serviceName": "db",
            "selector": {"matchLabels": {"app": "web"}},
            "template": template(),
            **spec,
        },
    }


async def test_ordered_creation_update_and_undo(cluster: TestCluster) -> None:
    assert STATEFUL_SETS is not None
    async with plant(cluster) as made:
        client = cluster.client
        born: list[str] = []
        made.pods.add_handler(
            lambda kind, pod, old: born.append(pod["metadata"]["name"]) if kind == "ADDED" else None
        )
        await client.create(STATEFUL_SETS, statefulset())

        async def at_revision(image: str) -> bool:
            status = (await client.get(STATEFUL_SETS, "db", "default")).get("status") or {}
            pods = (await client.list(PODS, "default")).items
            return (
                status.get("readyReplicas") == 3
                and status["currentRevision"] == status["updateRevision"]
                and [p["spec"]["containers"][0]["image"] for p in pods] == [image] * 3
            )

        await until(lambda: at_revision("app:1"))
        assert born == ["db-0", "db-1", "db-2"]
        assert (await events(client, "db"))[0] == (
            "SuccessfulCreate: create Pod db-0 in StatefulSet db successful"
        )
        patch = {"spec": {"template": template("app:2")}}
        await client.patch(STATEFUL_SETS, "db", patch, "default")
        await until(lambda: at_revision("app:2"))
        assert born[3:] == ["db-2", "db-1", "db-0"]
        [one, two] = sorted(
            (await client.list(CONTROLLER_REVISIONS, "default")).items,
            key=lambda r: int(r["revision"]),
        )
        assert (one["revision"], two["revision"]) == (1, 2)
        undo = one["data"]
        await client.patch(
            STATEFUL_SETS,
            "db",
            undo,
            "default",
            patch_type="application/strategic-merge-patch+json",
        )
        await until(lambda: at_revision("app:1"))
