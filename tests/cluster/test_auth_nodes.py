"""What a node reaches and may change: Node authorizer and NodeRestriction, from outside."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import (
    CONFIG_MAPS,
    LEASES,
    NODES,
    PODS,
    SECRETS,
    SERVICE_ACCOUNTS,
    builtin_kind,
)
from grappe.apiserver.http.messages import User
from grappe.client.rest import RestClient
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import pod

N1 = User("system:node:n1", ("system:nodes", "system:authenticated"))
MIRROR = {"kubernetes.io/config.mirror": "x"}


@pytest.fixture
async def node(cluster: TestCluster) -> RestClient:
    client = cluster.client_of(N1)
    await client.create(NODES, {"metadata": {"name": "n1"}})
    return client


async def refused(action: Any) -> str:
    with pytest.raises(ApiError) as error:
        await action
    assert error.value.code == 403
    return error.value.message


async def test_a_node_changes_itself_only(cluster: TestCluster, node: RestClient) -> None:
    await cluster.client.create(NODES, {"metadata": {"name": "n2"}})
    told = await refused(node.patch(NODES, "n2", {"metadata": {"annotations": {"a": "b"}}}))
    assert 'node "n1" is not allowed to modify node "n2"' in told
    taints = {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}]}}
    assert 'node "n1" is not allowed to modify taints' in await refused(
        node.patch(NODES, "n1", taints)
    )
    await refused(node.delete(NODES, "n1"))
    await refused(node.get(NODES, "n2"))
    await node.get(NODES, "n1")


@pytest.mark.parametrize(
    ("label", "allowed"),
    [
        ("team", True),
        ("example.com/team", True),
        ("kubernetes.io/hostname", True),
        ("topology.kubernetes.io/zone", True),
        ("node.kubernetes.io/anything", True),
        ("node-role.kubernetes.io/control-plane", False),
        ("x.node-restriction.kubernetes.io/y", False),
        ("foo.k8s.io/bar", False),
    ],
)
async def test_a_node_sets_few_of_kubernetes_own_labels(
    cluster: TestCluster, node: RestClient, label: str, allowed: bool
) -> None:
    change = node.patch(NODES, "n1", {"metadata": {"labels": {label: "x"}}})
    if allowed:
        await change
    else:
        assert f"is not allowed to modify labels: {label}" in await refused(change)
        new = {"metadata": {"name": "n1", "labels": {label: "x"}}}
        await cluster.client.delete(NODES, "n1")
        assert f'node "n1" is not allowed to set the following labels: {label}' in await refused(
            node.create(NODES, new)
        )


async def test_a_node_reports_and_ends_its_own_pods_only(
    cluster: TestCluster, node: RestClient
) -> None:
    await cluster.client.create(PODS, pod("mine", nodeName="n1"), "default")
    await cluster.client.create(PODS, pod("other", nodeName="n2"), "default")
    status = {"status": {"phase": "Running"}}
    await node.patch(PODS, "mine", status, "default", subresource="status")
    told = await refused(node.patch(PODS, "other", status, "default", subresource="status"))
    assert "can only update pod status for pods with spec.nodeName set to itself" in told
    labels = {"metadata": {"labels": {"a": "b"}}}
    told = await refused(node.patch(PODS, "mine", labels, "default", subresource="status"))
    assert 'node "n1" cannot update labels through pod status' in told
    assert "can only delete pods" in await refused(node.delete(PODS, "other", "default"))
    await node.delete(PODS, "mine", "default")


async def test_a_node_gets_tokens_for_its_pods_only(cluster: TestCluster, node: RestClient) -> None:
    mine = await cluster.client.create(PODS, pod("mine", nodeName="n1"), "default")
    other = await cluster.client.create(PODS, pod("other", nodeName="n2"), "default")

    async def token(of: dict[str, Any], **changed: Any) -> Any:
        reference = {
            "kind": "Pod",
            "apiVersion": "v1",
            **{k: of["metadata"][k] for k in ("name", "uid")},
            **changed,
        }
        request = {"spec": {"boundObjectRef": reference}}
        return await node.create(
            SERVICE_ACCOUNTS, request, "default", name="default", subresource="token"
        )

    assert (await token(mine))["status"]["token"]
    assert "scheduled on a different node" in await refused(token(other))
    assert "does not match the UID in record" in await refused(token(mine, uid="x"))
    assert "without a uid" in await refused(token(mine, uid=""))
    assert "not bound to a pod" in await refused(token(mine, kind="Secret"))


async def test_a_node_reads_the_secrets_of_its_pods_only(
    cluster: TestCluster, node: RestClient
) -> None:
    for name in ("used", "foreign"):
        await cluster.client.create(SECRETS, {"metadata": {"name": name}}, "default")
        await cluster.client.create(CONFIG_MAPS, {"metadata": {"name": name}}, "default")
    volumes = [
        {"name": "s", "secret": {"secretName": "used"}},
        {"name": "c", "configMap": {"name": "used"}},
    ]
    await cluster.client.create(PODS, pod("web", nodeName="n1", volumes=volumes), "default")
    for resource in (SECRETS, CONFIG_MAPS):
        await node.get(resource, "used", "default")
        one = await node.list(resource, "default", field_selector="metadata.name=used")
        assert [item["metadata"]["name"] for item in one.items] == ["used"]
        told = await refused(node.get(resource, "foreign", "default"))
        assert "no relationship found between node 'n1' and this object" in told
        await refused(node.list(resource, "default"))
        await refused(node.list(resource))


async def test_a_node_makes_mirror_pods_that_refer_to_nothing(
    cluster: TestCluster, node: RestClient
) -> None:
    uid = (await node.get(NODES, "n1"))["metadata"]["uid"]
    owner = {"apiVersion": "v1", "kind": "Node", "name": "n1", "uid": uid, "controller": True}

    def mirror(owners: list[dict[str, Any]], **spec: Any) -> dict[str, Any]:
        made = pod("static", nodeName="n1", **spec)
        made["metadata"] |= {"annotations": MIRROR, "ownerReferences": owners}
        return made

    told = await refused(node.create(PODS, pod("plain", nodeName="n1"), "default"))
    assert 'node "n1" can only create mirror pods' in told
    for owners, why in (
        ([], "with an owner reference set to itself"),
        ([{**owner, "name": "n2"}], "with an owner reference set to itself"),
        ([{**owner, "controller": False}], "with a controller owner reference set to itself"),
        ([{**owner, "uid": "x"}], f"UID mismatch: expected x got {uid}"),
        ([{**owner, "blockOwnerDeletion": True}], "must not set blockOwnerDeletion"),
    ):
        assert why in await refused(node.create(PODS, mirror(owners), "default"))
    volumes = [{"name": "s", "secret": {"secretName": "s"}}]
    told = await refused(node.create(PODS, mirror([owner], volumes=volumes), "default"))
    assert "a mirror pod may not reference secrets" in told
    await node.create(PODS, mirror([owner]), "default")


async def test_a_node_keeps_its_own_lease_csinode_and_slices(
    cluster: TestCluster, node: RestClient
) -> None:
    csi_nodes = builtin_kind("storage.k8s.io/v1", "CSINode")
    slices = builtin_kind("resource.k8s.io/v1", "ResourceSlice")
    assert csi_nodes is not None
    assert slices is not None
    lease_space = "kube-node-lease"
    await node.create(LEASES, {"metadata": {"name": "n1"}, "spec": {}}, lease_space)
    await refused(node.create(LEASES, {"metadata": {"name": "n2"}, "spec": {}}, lease_space))
    await node.create(csi_nodes, {"metadata": {"name": "n1"}, "spec": {"drivers": []}})
    told = await refused(
        node.create(csi_nodes, {"metadata": {"name": "n2"}, "spec": {"drivers": []}})
    )
    assert "can only access CSINode with the same name as the requesting node" in told

    def devices(name: str, of: str) -> dict[str, Any]:
        pool = {"name": of, "generation": 1, "resourceSliceCount": 1}
        return {"metadata": {"name": name}, "spec": {"nodeName": of, "driver": "a.b", "pool": pool}}

    await node.create(slices, devices("mine", "n1"))
    told = await refused(node.create(slices, devices("other", "n2")))
    assert "can only create ResourceSlice with the same NodeName as the requesting node" in told
    await node.delete(slices, "mine")
