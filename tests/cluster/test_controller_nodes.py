"""Nodes that fall silent or disappear, and what becomes of their pods."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from grappe.api.resources import LEASES, NODES, PODS
from grappe.base.clock import ManualClock, rfc3339_micro
from grappe.client.rest import RestClient
from grappe.controllers.nodelifecycle.decide import GRACE
from grappe.controllers.podgc import QUARANTINE
from grappe.testing.cluster import TestCluster, running_cluster

from .plant import events, gone, plant, until

Object = dict[str, Any]


@pytest.fixture
async def timed() -> AsyncIterator[tuple[TestCluster, ManualClock]]:
    clock = ManualClock(1_800_000_000.0)
    async with running_cluster(clock=clock) as running:
        yield running, clock


async def renew(client: RestClient, clock: ManualClock, name: str) -> None:
    """What a kubelet does every ten seconds."""
    lease: Object = {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": name, "namespace": "kube-node-lease"},
        "spec": {"holderIdentity": name, "renewTime": rfc3339_micro(clock.now())},
    }
    await client.apply(LEASES, lease, field_manager="kubelet", force=True)


async def nudge(client: RestClient, clock: ManualClock, name: str) -> None:
    """Have controllers look at a node, as the passing of real time would."""
    note = {"metadata": {"annotations": {"looked-at": str(clock.now())}}}
    await client.patch(NODES, name, note)


async def status_of(client: RestClient, name: str) -> str:
    node = await client.get(NODES, name)
    return next(c["status"] for c in node["status"]["conditions"] if c["type"] == "Ready")


def pod(name: str, node: str, **spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"nodeName": node, "containers": [{"name": "c", "image": "x"}], **spec},
    }


async def ready(client: RestClient, name: str) -> bool:
    found = await client.get(PODS, name, "default")
    listed = (found.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in listed)


async def test_a_silent_node_is_unknown_and_its_pods_leave_when_they_must(
    timed: tuple[TestCluster, ManualClock],
) -> None:
    cluster, clock = timed
    client = cluster.client
    async with plant(cluster, nodes=2) as made:
        await client.create(PODS, pod("patient", "n2"))
        everything = [{"operator": "Exists"}]
        await client.create(PODS, pod("immovable", "n2", tolerations=everything))
        brief = [
            {
                "key": "node.kubernetes.io/unreachable",
                "operator": "Exists",
                "effect": "NoExecute",
                "tolerationSeconds": 0,
            }
        ]
        await client.create(PODS, pod("hasty", "n2", tolerations=brief))
        for name in ("patient", "immovable", "hasty"):
            await until(lambda name=name: ready(client, name))  # type: ignore[misc]
        made.behave = lambda pod: "Pending"  # the node's agent is gone
        clock.advance(GRACE / 2)
        await renew(client, clock, "n1")
        await nudge(client, clock, "n2")
        assert await status_of(client, "n2") == "True"
        clock.advance(GRACE / 2 + 1)
        await nudge(client, clock, "n1")
        await nudge(client, clock, "n2")

        async def unknown() -> bool:
            return await status_of(client, "n2") == "Unknown"

        await until(unknown)

        async def taints() -> set[tuple[str, str]] | None:
            found = (await client.get(NODES, "n2"))["spec"].get("taints") or ()
            return {(t["key"], t["effect"]) for t in found} or None

        assert await until(taints) == {
            ("node.kubernetes.io/unreachable", "NoSchedule"),
            ("node.kubernetes.io/unreachable", "NoExecute"),
        }
        assert await status_of(client, "n1") == "True"
        await until(lambda: gone(client, PODS, "hasty"))
        told = await events(client, "hasty")
        assert "TaintManagerEviction: Marking for deletion Pod default/hasty" in told
        assert not await ready(client, "immovable")
        assert not (await client.get(PODS, "patient", "default"))["metadata"].get(
            "deletionTimestamp"
        )


@pytest.mark.parametrize("by", [GRACE + 5, -GRACE])
async def test_a_clock_that_is_set_makes_no_node_silent(
    timed: tuple[TestCluster, ManualClock], by: float
) -> None:
    cluster, clock = timed
    client = cluster.client
    async with plant(cluster, nodes=2):
        clock.jump(by)
        for name in ("n1", "n2"):
            # What follows shows that the node has been looked at since.
            await client.patch(NODES, name, {"spec": {"unschedulable": True}})

            async def cordoned(name: str = name) -> set[str]:
                found = (await client.get(NODES, name))["spec"].get("taints") or ()
                return {taint["key"] for taint in found}

            assert await until(cordoned) == {"node.kubernetes.io/unschedulable"}
            assert await status_of(client, name) == "True"


async def test_when_every_node_is_silent_nobody_is_evicted(
    timed: tuple[TestCluster, ManualClock],
) -> None:
    cluster, clock = timed
    client = cluster.client
    async with plant(cluster, nodes=1):
        clock.advance(GRACE + 1)
        await nudge(client, clock, "n1")

        async def unknown() -> bool:
            return await status_of(client, "n1") == "Unknown"

        await until(unknown)

        async def tainted() -> list[str]:
            found = (await client.get(NODES, "n1"))["spec"].get("taints") or ()
            return [t["effect"] for t in found]

        assert await until(tainted) == ["NoSchedule"]


async def test_pods_of_a_node_that_is_gone_are_removed_after_a_while(
    timed: tuple[TestCluster, ManualClock],
) -> None:
    cluster, clock = timed
    client = cluster.client
    async with plant(cluster, nodes=2):
        await client.create(PODS, pod("stray", "n2"))
        await until(lambda: ready(client, "stray"))
        await client.delete(NODES, "n2")
        await client.create(PODS, pod("marker", "n1"))
        await until(lambda: ready(client, "marker"))
        assert not await gone(client, PODS, "stray")
        clock.advance(QUARANTINE + 1)
        label = {"metadata": {"labels": {"looked": "at"}}}
        await client.patch(PODS, "stray", label, "default")
        await until(lambda: gone(client, PODS, "stray"))
