"""Storage in use, claims that grow, quotas at updates, and where a pod's node is."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import NODES, PODS, Resource, builtin_kind
from grappe.client.rest import RestClient
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import ask, pod
from tests.cluster.plant import gone, plant, until

CLAIMS = builtin_kind("v1", "PersistentVolumeClaim")
CLASSES = builtin_kind("storage.k8s.io/v1", "StorageClass")
QUOTAS = builtin_kind("v1", "ResourceQuota")
assert CLAIMS is not None
assert CLASSES is not None
assert QUOTAS is not None


def claim(size: str = "1Gi", **spec: Any) -> dict[str, Any]:
    resources = {"requests": {"storage": size}}
    return {
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": resources, **spec},
    }


def grown(size: str) -> dict[str, Any]:
    return {"spec": {"resources": {"requests": {"storage": size}}}}


async def test_a_claim_in_use_outlives_its_deletion(cluster: TestCluster) -> None:
    client = cluster.client
    async with plant(cluster, nodes=0):
        made = await client.create(CLAIMS, claim(), "default")
        assert made["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]
        volumes = [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]
        await client.create(PODS, pod("web", volumes=volumes), "default")
        await client.delete(CLAIMS, "data", "default")
        still = await client.get(CLAIMS, "data", "default")
        assert still["metadata"]["deletionTimestamp"]
        await client.delete(PODS, "web", "default", grace_period=0)
        await until(lambda: gone(client, CLAIMS, "data"))


async def test_a_bound_volume_outlives_its_deletion(cluster: TestCluster) -> None:
    volumes = builtin_kind("v1", "PersistentVolume")
    assert volumes is not None
    client = cluster.client
    spec = {
        "capacity": {"storage": "1Gi"},
        "accessModes": ["ReadWriteOnce"],
        "hostPath": {"path": "/x"},
    }
    async with plant(cluster, nodes=0):
        for name in ("bound", "free"):
            made = await client.create(volumes, {"metadata": {"name": name}, "spec": spec})
            assert made["metadata"]["finalizers"] == ["kubernetes.io/pv-protection"]
        await client.patch(volumes, "bound", {"status": {"phase": "Bound"}}, subresource="status")
        for name in ("bound", "free"):
            await client.delete(volumes, name)
        await until(lambda: missing(client, volumes, "free"))
        assert (await client.get(volumes, "bound"))["metadata"]["deletionTimestamp"]
        done = {"status": {"phase": "Released"}}
        await client.patch(volumes, "bound", done, subresource="status")
        await until(lambda: missing(client, volumes, "bound"))


def attributes_class(name: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "driverName": "d", "parameters": {"a": "b"}}


async def test_an_attributes_class_in_use_outlives_its_deletion(cluster: TestCluster) -> None:
    classes = builtin_kind("storage.k8s.io/v1", "VolumeAttributesClass")
    assert classes is not None
    client = cluster.client
    async with plant(cluster, nodes=0):
        for name in ("used", "free"):
            made = await client.create(classes, attributes_class(name))
            assert made["metadata"]["finalizers"] == ["kubernetes.io/vac-protection"]
        claim = {
            "metadata": {"name": "fast", "namespace": "default"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": "1Gi"}},
                "volumeAttributesClassName": "used",
            },
        }
        await client.create(CLAIMS, claim)
        for name in ("used", "free"):
            await client.delete(classes, name)
        await until(lambda: missing(client, classes, "free"))
        assert (await client.get(classes, "used"))["metadata"]["deletionTimestamp"]
        await client.delete(CLAIMS, "fast", "default")
        await until(lambda: missing(client, classes, "used"))


async def test_an_attributes_class_that_lacks_its_protection_gets_it(cluster: TestCluster) -> None:
    classes = builtin_kind("storage.k8s.io/v1", "VolumeAttributesClass")
    assert classes is not None
    client = cluster.client
    async with plant(cluster, nodes=0):
        await client.create(classes, attributes_class("old"))
        await client.patch(classes, "old", {"metadata": {"finalizers": None}})

        async def protected() -> bool:
            found = (await client.get(classes, "old"))["metadata"].get("finalizers")
            return bool(found == ["kubernetes.io/vac-protection"])

        await until(protected)


async def missing(client: RestClient, resource: Resource, name: str) -> bool:
    try:
        await client.get(resource, name)
    except ApiError as error:
        return error.code == 404
    return False


async def test_a_claim_grows_where_its_class_allows_it(cluster: TestCluster) -> None:
    client = cluster.client
    for name, allowed in (("fixed", False), ("elastic", True)):
        obj = {"metadata": {"name": name}, "provisioner": "a.b", "allowVolumeExpansion": allowed}
        await client.create(CLASSES, obj)
    await client.create(CLAIMS, claim(storageClassName="elastic"), "default")
    with pytest.raises(ApiError, match="volumeAttributesClassName for bound claims"):
        await client.patch(CLAIMS, "data", grown("2Gi"), "default")
    bound = {"status": {"phase": "Bound"}}
    await client.patch(CLAIMS, "data", bound, "default", subresource="status")
    changed = await client.patch(CLAIMS, "data", grown("2Gi"), "default")
    assert changed["spec"]["resources"]["requests"]["storage"] == "2Gi"
    other = claim(storageClassName="fixed") | {"metadata": {"name": "fixed"}}
    await client.create(CLAIMS, other, "default")
    await client.patch(CLAIMS, "fixed", bound, "default", subresource="status")
    with pytest.raises(ApiError, match="must support resize"):
        await client.patch(CLAIMS, "fixed", grown("2Gi"), "default")


async def test_a_quota_holds_at_updates_too(cluster: TestCluster) -> None:
    client = cluster.client
    hard = {"services.nodeports": "0", "requests.storage": "3Gi"}
    await client.create(QUOTAS, {"metadata": {"name": "q"}, "spec": {"hard": hard}}, "default")
    obj = {"metadata": {"name": "elastic"}, "provisioner": "a.b", "allowVolumeExpansion": True}
    await client.create(CLASSES, obj)
    await client.create(CLAIMS, claim(storageClassName="elastic"), "default")
    bound = {"status": {"phase": "Bound"}}
    await client.patch(CLAIMS, "data", bound, "default", subresource="status")
    await client.patch(CLAIMS, "data", grown("3Gi"), "default")
    with pytest.raises(ApiError, match=r"exceeded quota: q, requested: requests\.storage=1Gi"):
        await client.patch(CLAIMS, "data", grown("4Gi"), "default")
    services = "/api/v1/namespaces/default/services"
    await ask(
        cluster, "POST", services, {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    )
    merge = {"content-type": "application/merge-patch+json"}
    reply = await ask(cluster, "PATCH", f"{services}/s", {"spec": {"type": "NodePort"}}, merge)
    assert reply.status == 403
    assert "exceeded quota: q, requested: services.nodeports=1" in reply.message


async def test_a_bound_pod_says_where_its_node_is(cluster: TestCluster) -> None:
    where = {"topology.kubernetes.io/zone": "z1", "topology.kubernetes.io/region": "r1"}
    await cluster.client.create(NODES, {"metadata": {"name": "n9", "labels": {**where, "x": "y"}}})
    await cluster.client.create(PODS, pod("web"), "default")
    path = "/api/v1/namespaces/default/pods/web/binding"
    binding = {"metadata": {"name": "web"}, "target": {"kind": "Node", "name": "n9"}}
    assert (await ask(cluster, "POST", path, binding)).status == 201
    found = await cluster.client.get(PODS, "web", "default")
    assert found["metadata"]["labels"] == where
