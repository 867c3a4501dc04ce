"""DaemonSets from end to end within the process."""

from __future__ import annotations

from typing import Any

from grappe.api.resources import NODES, PODS, builtin
from grappe.testing.cluster import TestCluster

from .plant import add_node, plant, template, until

Object = dict[str, Any]
DAEMON_SETS = builtin("apps", "v1", "daemonsets")


async def test_one_pod_on_every_node_as_nodes_come_and_are_cordoned(cluster: TestCluster) -> None:
    assert DAEMON_SETS is not None
    async with plant(cluster, nodes=2):
        client = cluster.client
        await client.patch(NODES, "n2", {"spec": {"unschedulable": True}})
        subject: Object = {
            "apiVersion": "apps/v1",
            "kind": "DaemonSet",
            "metadata": {"name": "log", "namespace": "default"},
            "spec": {"selector": {"matchLabels": {"app": "web"}}, "template": template()},
        }
        await client.create(DAEMON_SETS, subject)

        async def on(*wanted: str, image: str = "app:1") -> bool:
            pods = (await client.list(PODS, "default")).items
            status = (await client.get(DAEMON_SETS, "log", "default")).get("status") or {}
            return (
                sorted(p["spec"].get("nodeName") or "" for p in pods) == [*wanted]
                and {p["spec"]["containers"][0]["image"] for p in pods} == {image}
                and status.get("numberAvailable") == len(wanted)
            )

        await until(lambda: on("n1", "n2"))
        await add_node(client, "n3")
        await until(lambda: on("n1", "n2", "n3"))
        patch = {"spec": {"template": template("app:2")}}
        await client.patch(DAEMON_SETS, "log", patch, "default")
        await until(lambda: on("n1", "n2", "n3", image="app:2"))
