"""A quota holds whatever comes at once, and tells apart what its scopes say."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import PODS, SERVICES
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import pod, service
from tests.cluster.test_conformance_quota import kind, quota, used

CLAIMS = kind("v1", "PersistentVolumeClaim")


async def test_of_updates_at_once_only_as_many_as_there_is_room_for(cluster: TestCluster) -> None:
    client = cluster.client
    await quota(cluster, "q", {"services.nodeports": "2"})
    names = [f"s{number}" for number in range(5)]
    for name in names:
        await client.create(SERVICES, service(name), "default")
    change = {"spec": {"type": "NodePort"}}
    dry = [client.patch(SERVICES, name, change, "default", dry_run=True) for name in names]
    await asyncio.gather(*dry)
    raises = [client.patch(SERVICES, name, change, "default") for name in names]
    results = await asyncio.gather(*raises, return_exceptions=True)
    refused = [found for found in results if isinstance(found, ApiError)]
    assert [error.code for error in refused] == [403] * 3
    assert all("exceeded quota: q" in error.message for error in refused)
    await used(cluster, "q", {"services.nodeports": "2"})


async def test_what_an_update_gives_back_is_free_at_once(cluster: TestCluster) -> None:
    client = cluster.client
    await quota(cluster, "q", {"services.nodeports": "1"})
    await client.create(SERVICES, service("s", type="NodePort"), "default")
    for _ in range(3):
        back = client.patch(SERVICES, "s", {"spec": {"type": "ClusterIP"}}, "default")
        again = client.patch(SERVICES, "s", {"spec": {"type": "NodePort"}}, "default")
        await asyncio.gather(back, again)
    with pytest.raises(ApiError, match="exceeded quota"):
        await client.create(SERVICES, service("t", type="NodePort"), "default")


async def test_creates_and_updates_at_once_share_a_quota(cluster: TestCluster) -> None:
    client = cluster.client
    await quota(cluster, "q", {"services.nodeports": "1"})
    await client.create(SERVICES, service("s"), "default")
    results = await asyncio.gather(
        client.patch(SERVICES, "s", {"spec": {"type": "NodePort"}}, "default"),
        client.create(SERVICES, service("t", type="NodePort"), "default"),
        return_exceptions=True,
    )
    assert [type(found) for found in results].count(ApiError) == 1


def claim(name: str, **spec: Any) -> dict[str, Any]:
    asked = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"metadata": {"name": name}, "spec": {**asked, **spec}}


async def test_pods_that_reach_into_other_namespaces(cluster: TestCluster) -> None:
    scope = {"scopeName": "CrossNamespacePodAffinity", "operator": "Exists"}
    await quota(cluster, "q", {"pods": "1"}, scopeSelector={"matchExpressions": [scope]})
    term: dict[str, Any] = {
        "topologyKey": "kubernetes.io/hostname",
        "labelSelector": {"matchLabels": {"app": "x"}},
    }

    def near(**more: Any) -> dict[str, Any]:
        rules = {"requiredDuringSchedulingIgnoredDuringExecution": [{**term, **more}]}
        return {"podAffinity": rules}

    await cluster.client.create(PODS, pod("near", affinity=near()), "default")
    await used(cluster, "q", {"pods": "0"})
    await cluster.client.create(PODS, pod("far", affinity=near(namespaces=["b"])), "default")
    await used(cluster, "q", {"pods": "1"})
    with pytest.raises(ApiError, match="exceeded quota: q, requested: pods=1, used: pods=1"):
        await cluster.client.create(
            PODS, pod("all", affinity=near(namespaceSelector={})), "default"
        )
    await cluster.client.create(PODS, pod("plain"), "default")


async def test_claims_of_a_class_of_attributes(cluster: TestCluster) -> None:
    scope = {"scopeName": "VolumeAttributesClass", "operator": "In", "values": ["gold"]}
    hard = {"persistentvolumeclaims": "1"}
    await quota(cluster, "q", hard, scopeSelector={"matchExpressions": [scope]})
    await cluster.client.create(CLAIMS, claim("plain"), "default")
    await used(cluster, "q", {"persistentvolumeclaims": "0"})
    gold = claim("gold", volumeAttributesClassName="gold")
    await cluster.client.create(CLAIMS, gold, "default")
    await used(cluster, "q", {"persistentvolumeclaims": "1"})
    more = claim("more", volumeAttributesClassName="gold")
    with pytest.raises(ApiError, match="exceeded quota: q"):
        await cluster.client.create(CLAIMS, more, "default")
    await cluster.client.create(CLAIMS, claim("tin", volumeAttributesClassName="tin"), "default")
