"""The scheduler on a real API server: bindings, reasons, retries."""

from __future__ import annotations

from typing import Any

from grappe.api.resources import NODES, PODS, builtin
from grappe.client.rest import RestClient
from grappe.testing.cluster import TestCluster

from .plant import add_node, events, gone, plant, until

Object = dict[str, Any]

PRIORITY_CLASSES = builtin("scheduling.k8s.io", "v1", "priorityclasses")


def pod(name: str, cpu: str = "", **spec: Any) -> Object:
    requests = {"requests": {"cpu": cpu}} if cpu else {}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": {"app": name}},
        "spec": {"containers": [{"name": "c", "image": "x", "resources": requests}], **spec},
    }


async def node_of(client: RestClient, name: str) -> str:
    found = await client.get(PODS, name, "default")
    return str(found["spec"].get("nodeName") or "")


async def why(client: RestClient, name: str) -> str:
    """The message of PodScheduled=False."""
    found = await client.get(PODS, name, "default")
    for condition in (found.get("status") or {}).get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            return str(condition["message"])
    return ""


async def test_a_pod_is_bound_and_says_so(cluster: TestCluster) -> None:
    async with plant(cluster):
        await cluster.client.create(PODS, pod("a"))
        assert await until(lambda: node_of(cluster.client, "a")) == "n1"
        told = await until(lambda: events(cluster.client, "a"))
        assert told == ["Scheduled: Successfully assigned default/a to n1"]


async def test_a_pod_that_fits_nowhere_says_why_and_is_placed_when_a_node_comes(
    cluster: TestCluster,
) -> None:
    async with plant(cluster):
        await cluster.client.create(PODS, pod("big", "64"))
        assert await until(lambda: why(cluster.client, "big")) == (
            "0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, "
            "preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
        )
        [told] = await until(lambda: events(cluster.client, "big"))
        assert told.startswith("FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu.")
        await add_node(cluster.client, "huge", cpu="128")
        assert await until(lambda: node_of(cluster.client, "big")) == "huge"


async def test_a_full_node_takes_the_next_when_one_goes(cluster: TestCluster) -> None:
    async with plant(cluster):
        await cluster.client.create(PODS, pod("first", "10"))
        await until(lambda: node_of(cluster.client, "first"))
        await cluster.client.create(PODS, pod("second", "10"))
        await until(lambda: why(cluster.client, "second"))
        await cluster.client.delete(PODS, "first", "default")
        assert await until(lambda: node_of(cluster.client, "second")) == "n1"


async def test_a_cordoned_node_takes_nothing_until_it_is_uncordoned(
    cluster: TestCluster,
) -> None:
    async with plant(cluster):
        await cluster.client.patch(NODES, "n1", {"spec": {"unschedulable": True}})
        await cluster.client.create(PODS, pod("a"))
        assert "1 node(s) were unschedulable" in await until(lambda: why(cluster.client, "a"))
        await cluster.client.patch(NODES, "n1", {"spec": {"unschedulable": None}})
        assert await until(lambda: node_of(cluster.client, "a")) == "n1"


async def test_gates_and_other_schedulers_are_respected(cluster: TestCluster) -> None:
    async with plant(cluster):
        await cluster.client.create(PODS, pod("gated", schedulingGates=[{"name": "x.io/g"}]))
        await cluster.client.create(PODS, pod("foreign", schedulerName="mine"))
        await cluster.client.create(PODS, pod("plain"))
        await until(lambda: node_of(cluster.client, "plain"))
        assert not await node_of(cluster.client, "gated")
        assert not await node_of(cluster.client, "foreign")
        patch = [{"op": "remove", "path": "/spec/schedulingGates"}]
        await cluster.client.patch(
            PODS, "gated", patch, "default", patch_type="application/json-patch+json"
        )
        assert await until(lambda: node_of(cluster.client, "gated")) == "n1"


async def test_anti_affinity_waits_for_room(cluster: TestCluster) -> None:
    term = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"group": "g"}},
    }
    apart = {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}

    def member(name: str) -> Object:
        made = pod(name, affinity=apart)
        made["metadata"]["labels"]["group"] = "g"
        return made

    async with plant(cluster):
        await cluster.client.patch(
            NODES, "n1", {"metadata": {"labels": {"kubernetes.io/hostname": "n1"}}}
        )
        await cluster.client.create(PODS, member("a"))
        await until(lambda: node_of(cluster.client, "a"))
        await cluster.client.create(PODS, member("b"))
        reason = await until(lambda: why(cluster.client, "b"))
        assert "1 node(s) didn't match pod anti-affinity rules" in reason
        await cluster.client.delete(PODS, "a", "default")
        assert await until(lambda: node_of(cluster.client, "b")) == "n1"


async def test_the_more_important_pod_preempts(cluster: TestCluster) -> None:
    assert PRIORITY_CLASSES is not None
    async with plant(cluster):
        important = {
            "apiVersion": "scheduling.k8s.io/v1",
            "kind": "PriorityClass",
            "metadata": {"name": "important"},
            "value": 1000,
        }
        await cluster.client.create(PRIORITY_CLASSES, important)
        await cluster.client.create(PODS, pod("lowly", "10"))
        await until(lambda: node_of(cluster.client, "lowly"))
        await cluster.client.create(PODS, pod("vip", "10", priorityClassName="important"))
        assert await until(lambda: node_of(cluster.client, "vip")) == "n1"
        assert await gone(cluster.client, PODS, "lowly")
        told = await events(cluster.client, "lowly")
        assert any(e.startswith("Preempted: Preempted by pod ") for e in told)


async def test_many_pods_never_overcommit_a_node(cluster: TestCluster) -> None:
    async with plant(cluster, nodes=3):
        for number in range(60):
            await cluster.client.create(PODS, pod(f"p{number}", "1"))

        async def placed() -> bool:
            pods = (await cluster.client.list(PODS, "default")).items
            return sum(bool(p["spec"].get("nodeName")) for p in pods) == 48

        await until(placed)
        pods = (await cluster.client.list(PODS, "default")).items
        per_node = [p["spec"].get("nodeName") for p in pods]
        assert [per_node.count(n) for n in ("n1", "n2", "n3")] == [16, 16, 16]
