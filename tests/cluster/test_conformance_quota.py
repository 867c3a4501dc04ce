"""What Kubernetes' conformance demands of ResourceQuota and LimitRange.

Names after https://github.com/cncf/k8s-conformance/blob/master/docs/KubeConformance-1.36.md
"""

from __future__ import annotations

from typing import Any

import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import NAMESPACES, PODS, Resource, builtin_kind
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import config_map, pod, service
from tests.cluster.plant import until


def kind(api_version: str, name: str) -> Resource:
    found = builtin_kind(api_version, name)
    assert found is not None
    return found


QUOTAS, LIMITS = kind("v1", "ResourceQuota"), kind("v1", "LimitRange")


async def quota(
    cluster: TestCluster, name: str, hard: dict[str, str], space: str = "default", **spec: Any
) -> None:
    obj = {"metadata": {"name": name}, "spec": {"hard": hard, **spec}}
    await cluster.client.create(QUOTAS, obj, space)


async def used(
    cluster: TestCluster, name: str, wanted: dict[str, str], space: str = "default"
) -> None:
    """Wait until the quota's status says that much is used."""

    async def says() -> bool:
        found = (await cluster.client.get(QUOTAS, name, space)).get("status") or {}
        told = found.get("used") or {}
        return all(told.get(key) == value for key, value in wanted.items())

    await until(says)


def template() -> dict[str, Any]:
    return {
        "metadata": {"labels": {"app": "x"}},
        "spec": {"containers": [{"name": "c", "image": "web:1"}]},
    }


@pytest.mark.parametrize(
    ("api_version", "kind_name", "counted", "obj"),
    [
        ("v1", "ConfigMap", "configmaps", config_map("x")),
        ("v1", "Secret", "secrets", {"metadata": {"name": "x"}}),
        ("v1", "Service", "services", service("x")),
        (
            "v1",
            "ReplicationController",
            "replicationcontrollers",
            {
                "metadata": {"name": "x"},
                "spec": {"replicas": 0, "selector": {"app": "x"}, "template": template()},
            },
        ),
        (
            "apps/v1",
            "ReplicaSet",
            "count/replicasets.apps",
            {
                "metadata": {"name": "x"},
                "spec": {
                    "replicas": 0,
                    "selector": {"matchLabels": {"app": "x"}},
                    "template": template(),
                },
            },
        ),
    ],
)
async def test_a_quota_follows_the_life_of(
    cluster: TestCluster, api_version: str, kind_name: str, counted: str, obj: dict[str, Any]
) -> None:
    await cluster.client.create(NAMESPACES, {"metadata": {"name": "shop"}})
    await quota(cluster, "q", {counted: "1", "resourcequotas": "1"}, "shop")
    await used(cluster, "q", {counted: "0", "resourcequotas": "1"}, "shop")
    resource = kind(api_version, kind_name)
    await cluster.client.create(resource, obj, "shop")
    await used(cluster, "q", {counted: "1"}, "shop")
    another = {**obj, "metadata": {"name": "y"}}
    with pytest.raises(ApiError, match="exceeded quota: q") as error:
        await cluster.client.create(resource, another, "shop")
    assert error.value.code == 403
    await cluster.client.delete(resource, "x", "shop", propagation="Background")
    await used(cluster, "q", {counted: "0"}, "shop")


def asking(name: str, cpu: str, memory: str = "128Mi", **spec: Any) -> dict[str, Any]:
    requests = {"cpu": cpu, "memory": memory, "ephemeral-storage": "1Gi", "example.com/dongle": "2"}
    limits = {"example.com/dongle": "2"}
    resources = {"requests": requests, "limits": limits}
    containers = [{"name": "c", "image": "web:1", "resources": resources}]
    return pod(name, containers=containers, **spec)


async def test_a_quota_follows_the_life_of_a_pod(cluster: TestCluster) -> None:
    hard = {
        "pods": "5",
        "cpu": "1",
        "memory": "500Mi",
        "requests.ephemeral-storage": "5Gi",
        "requests.example.com/dongle": "3",
    }
    await quota(cluster, "q", hard)
    await used(cluster, "q", {"pods": "0", "cpu": "0"})
    await cluster.client.create(PODS, asking("first", "500m"), "default")
    full = {
        "pods": "1",
        "cpu": "500m",
        "memory": "128Mi",
        "requests.ephemeral-storage": "1Gi",
        "requests.example.com/dongle": "2",
    }
    await used(cluster, "q", full)
    for more in (asking("cpu", "600m"), asking("dongles", "100m")):
        with pytest.raises(ApiError, match="exceeded quota: q"):
            await cluster.client.create(PODS, more, "default")
    change = {"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": "100m"}}}]}}
    with pytest.raises(ApiError) as error:
        await cluster.client.patch(
            PODS, "first", change, "default", patch_type="application/strategic-merge-patch+json"
        )
    assert error.value.code == 422
    await used(cluster, "q", full)
    await cluster.client.delete(PODS, "first", "default", grace_period=0)
    await used(cluster, "q", {"pods": "0", "cpu": "0", "requests.example.com/dongle": "0"})


@pytest.mark.parametrize(
    ("scope", "other", "inside", "outside"),
    [
        ("BestEffort", "NotBestEffort", pod("in"), asking("out", "100m")),
        (
            "Terminating",
            "NotTerminating",
            asking("in", "100m", activeDeadlineSeconds=3600),
            asking("out", "100m"),
        ),
    ],
)
async def test_scopes_tell_pods_apart(
    cluster: TestCluster,
    scope: str,
    other: str,
    inside: dict[str, Any],
    outside: dict[str, Any],
) -> None:
    for name in (scope, other):
        await quota(cluster, name.lower(), {"pods": "5"}, scopes=[name])
    for obj, counts, not_there in ((inside, scope, other), (outside, other, scope)):
        await cluster.client.create(PODS, obj, "default")
        await used(cluster, counts.lower(), {"pods": "1"})
        await used(cluster, not_there.lower(), {"pods": "0"})
        await cluster.client.delete(PODS, obj["metadata"]["name"], "default", grace_period=0)
        await used(cluster, counts.lower(), {"pods": "0"})


async def test_the_life_of_a_quota(cluster: TestCluster) -> None:
    client = cluster.client
    obj = {
        "metadata": {"name": "life", "labels": {"e2e": "q"}},
        "spec": {"hard": {"cpu": "1", "memory": "500Mi"}},
    }
    await client.create(QUOTAS, obj, "default")
    assert len((await client.list(QUOTAS, label_selector="e2e=q")).items) == 1
    hard = {"spec": {"hard": {"cpu": "2", "memory": "1Gi"}}}
    patched = await client.patch(QUOTAS, "life", hard, "default")
    assert patched["spec"]["hard"] == {"cpu": "2", "memory": "1Gi"}
    await used(cluster, "life", {"cpu": "0", "memory": "0"})
    await client.delete(QUOTAS, "life", "default")
    assert (await client.list(QUOTAS, label_selector="e2e=q")).items == []


async def test_a_limit_range_gives_defaults_and_bounds(cluster: TestCluster) -> None:
    client = cluster.client
    item = {
        "type": "Container",
        "min": {"cpu": "50m", "memory": "100Mi"},
        "max": {"cpu": "500m", "memory": "500Mi"},
        "default": {"cpu": "500m", "memory": "500Mi"},
        "defaultRequest": {"cpu": "100m", "memory": "200Mi"},
    }
    await client.create(LIMITS, {"metadata": {"name": "l"}, "spec": {"limits": [item]}}, "default")

    async def resources(name: str, said: dict[str, Any]) -> Any:
        containers = [{"name": "c", "image": "web:1", "resources": said}]
        made = await client.create(PODS, pod(name, containers=containers), "default")
        return made["spec"]["containers"][0]["resources"]

    filled = {"requests": item["defaultRequest"], "limits": item["default"]}
    assert await resources("none", {}) == filled
    partial = await resources("some", {"limits": {"cpu": "300m"}})
    assert partial["limits"] == {"cpu": "300m", "memory": "500Mi"}
    for said in ({"requests": {"cpu": "10m"}}, {"limits": {"cpu": "600m"}}):
        with pytest.raises(ApiError) as error:
            await resources("bad", said)
        assert error.value.code == 403
    lower = {"spec": {"limits": [{**item, "min": {"cpu": "9m", "memory": "100Mi"}}]}}
    await client.patch(LIMITS, "l", lower, "default")
    assert (await resources("small", {"requests": {"cpu": "10m"}}))["requests"]["cpu"] == "10m"
    await client.delete(LIMITS, "l", "default")
    assert await resources("big", {"limits": {"cpu": "600m"}})
