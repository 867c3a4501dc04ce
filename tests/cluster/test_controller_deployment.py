"""Deployments from end to end within the process: API, controllers, scheduler."""

from __future__ import annotations

from typing import Any

from grappe.api.errors import ApiError
from grappe.api.resources import DEPLOYMENTS, PODS, REPLICA_SETS
from grappe.client.informer import Informer, running
from grappe.client.rest import RestClient
from grappe.controllers.pods import is_ready
from grappe.testing.cluster import TestCluster

from .plant import deployment, events, plant, template, until

Object = dict[str, Any]


async def complete(client: RestClient, name: str = "web") -> Object | None:
    """The Deployment, once its rollout has ended."""
    found = await client.get(DEPLOYMENTS, name, "default")
    status, wanted = found.get("status") or {}, found["spec"]["replicas"]
    done = (
        status.get("observedGeneration") == found["metadata"]["generation"]
        and status.get("updatedReplicas", 0) == wanted
        and status.get("replicas", 0) == wanted
        and status.get("availableReplicas", 0) == wanted
    )
    return found if done else None


async def images(client: RestClient) -> list[str]:
    pods = (await client.list(PODS, "default")).items
    return sorted(
        p["spec"]["containers"][0]["image"]
        for p in pods
        if not p["metadata"].get("deletionTimestamp")
    )


async def test_a_deployment_becomes_available_and_says_so(cluster: TestCluster) -> None:
    async with plant(cluster, nodes=2):
        await cluster.client.create(DEPLOYMENTS, deployment(replicas=4))
        found = await until(lambda: complete(cluster.client))
        conditions = {c["type"]: c["reason"] for c in found["status"]["conditions"]}
        assert conditions == {
            "Available": "MinimumReplicasAvailable",
            "Progressing": "NewReplicaSetAvailable",
        }
        pods = (await cluster.client.list(PODS, "default")).items
        assert len(pods) == 4
        assert {p["spec"]["nodeName"] for p in pods} <= {"n1", "n2"}
        [rs] = (await cluster.client.list(REPLICA_SETS, "default")).items
        name = rs["metadata"]["name"]
        assert await events(cluster.client, "web") == [
            f"ScalingReplicaSet: Scaled up replica set {name} from 0 to 4"
        ]
        assert len(await events(cluster.client, name)) == 4


async def test_a_rolling_update_never_has_fewer_available_than_promised(
    cluster: TestCluster,
) -> None:
    async with plant(cluster) as made:
        lowest, highest = 99, 0
        sizes: dict[str, int] = {}

        def count_ready(event_type: str, pod: Object, old: Object | None) -> None:
            nonlocal lowest
            lowest = min(lowest, sum(map(is_ready_and_stays, made.pods.list())))

        def count_wanted(event_type: str, rs: Object, old: Object | None) -> None:
            nonlocal highest
            sizes[rs["metadata"]["name"]] = rs["spec"]["replicas"]
            highest = max(highest, sum(sizes.values()))

        replicasets = Informer(cluster.client, REPLICA_SETS)
        replicasets.add_handler(count_wanted)
        rolling = {"maxSurge": 1, "maxUnavailable": 1}
        strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
        async with running(replicasets):
            await cluster.client.create(DEPLOYMENTS, deployment(replicas=5, strategy=strategy))
            await until(lambda: complete(cluster.client))
            made.pods.add_handler(count_ready)
            patch = {"spec": {"template": template("app:2")}}
            await cluster.client.patch(DEPLOYMENTS, "web", patch, "default")
            await until(lambda: complete(cluster.client))
            await until(lambda: _only(cluster.client, ["app:2"] * 5))
        assert lowest >= 4
        assert highest == 6


def is_ready_and_stays(pod: Object) -> bool:
    return is_ready(pod) and not pod["metadata"].get("deletionTimestamp")


async def _only(client: RestClient, wanted: list[str]) -> bool:
    return await images(client) == wanted


async def test_a_bad_version_stops_half_way_and_is_rolled_back(cluster: TestCluster) -> None:
    async with plant(cluster) as made:
        made.behave = lambda pod: (
            "Running" if pod["spec"]["containers"][0]["image"] == "app:bad" else "Ready"
        )
        await cluster.client.create(DEPLOYMENTS, deployment(replicas=4))
        await until(lambda: complete(cluster.client))
        patch = {"spec": {"template": template("app:bad")}}
        await cluster.client.patch(DEPLOYMENTS, "web", patch, "default")
        await until(lambda: _only(cluster.client, ["app:1"] * 3 + ["app:bad"] * 2))
        undo = {"spec": {"template": template("app:1")}}
        await cluster.client.patch(DEPLOYMENTS, "web", undo, "default")
        found = await until(lambda: complete(cluster.client))
        await until(lambda: _only(cluster.client, ["app:1"] * 4))
        assert found["metadata"]["annotations"]["deployment.kubernetes.io/revision"] == "3"


async def test_recreate_never_mixes_versions(cluster: TestCluster) -> None:
    async with plant(cluster) as made:
        mixed: list[set[str]] = []

        def look(event_type: str, pod: Object, old: Object | None) -> None:
            found = {p["spec"]["containers"][0]["image"] for p in made.pods.list()}
            if len(found) > 1:
                mixed.append(found)

        made.pods.add_handler(look)
        subject = deployment(replicas=3, strategy={"type": "Recreate"})
        await cluster.client.create(DEPLOYMENTS, subject)
        await until(lambda: complete(cluster.client))
        patch = {"spec": {"template": template("app:2")}}
        await cluster.client.patch(DEPLOYMENTS, "web", patch, "default")
        await until(lambda: _only(cluster.client, ["app:2"] * 3))
        await until(lambda: complete(cluster.client))
        assert not mixed


async def test_a_pod_deleted_by_hand_is_replaced_once(cluster: TestCluster) -> None:
    async with plant(cluster):
        await cluster.client.create(DEPLOYMENTS, deployment(replicas=2))
        await until(lambda: complete(cluster.client))
        [first, other] = (await cluster.client.list(PODS, "default")).items
        await cluster.client.delete(PODS, first["metadata"]["name"], "default")

        async def replaced() -> bool:
            names = {
                p["metadata"]["name"] for p in (await cluster.client.list(PODS, "default")).items
            }
            return len(names) == 2 and first["metadata"]["name"] not in names

        await until(replaced)
        await until(lambda: complete(cluster.client))
        names = {p["metadata"]["name"] for p in (await cluster.client.list(PODS, "default")).items}
        assert other["metadata"]["name"] in names


async def test_what_cannot_be_created_is_told_in_conditions_and_events(
    cluster: TestCluster,
) -> None:
    async with plant(cluster):
        subject = deployment(replicas=1)
        subject["spec"]["template"]["spec"]["serviceAccountName"] = "missing"
        try:
            await cluster.client.create(DEPLOYMENTS, subject)
        except ApiError:
            raise AssertionError("the template is only checked when pods are made") from None

        async def failed() -> Object | None:
            found = await cluster.client.get(DEPLOYMENTS, "web", "default")
            listed = (found.get("status") or {}).get("conditions") or ()
            return next((c for c in listed if c["type"] == "ReplicaFailure"), None)

        condition = await until(failed)
        assert condition["reason"] == "FailedCreate"
        assert 'serviceaccount "missing" not found' in condition["message"]
