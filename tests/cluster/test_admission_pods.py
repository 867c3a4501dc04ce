"""What admission makes of pods: priorities, runtime classes, the Secrets of their account."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import NODES, PODS, Resource, builtin_kind
from grappe.apiserver.http.messages import User
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import ask, pod

TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount"


def kind(api_version: str, name: str) -> Resource:
    found = builtin_kind(api_version, name)
    assert found is not None
    return found


ACCOUNTS = kind("v1", "ServiceAccount")
PRIORITIES = kind("scheduling.k8s.io/v1", "PriorityClass")
RUNTIMES = kind("node.k8s.io/v1", "RuntimeClass")


async def made(cluster: TestCluster, name: str = "a", **spec: Any) -> dict[str, Any]:
    found = await cluster.client.create(PODS, pod(name, **spec), "default")
    return dict(found["spec"])


async def refused(cluster: TestCluster, **spec: Any) -> str:
    with pytest.raises(ApiError) as error:
        await cluster.client.create(PODS, pod("refused", **spec), "default")
    assert error.value.code == 403
    return error.value.message.removeprefix('pods "refused" is forbidden: ')


# -- Priority --------------------------------------------------------------------------------------
async def test_a_pod_gets_what_its_class_says_of_preemption(cluster: TestCluster) -> None:
    obj = {"metadata": {"name": "calm"}, "value": 7, "preemptionPolicy": "Never"}
    await cluster.client.create(PRIORITIES, obj)
    found = await made(cluster, priorityClassName="calm")
    assert (found["priority"], found["preemptionPolicy"]) == (7, "Never")
    told = await refused(cluster, priorityClassName="calm", preemptionPolicy="PreemptLowerPriority")
    assert told == (
        "the string value of PreemptionPolicy (PreemptLowerPriority) must not be provided in pod "
        "spec; priority admission controller computed Never from the given PriorityClass name"
    )


async def test_system_classes_are_for_pods_of_any_namespace(cluster: TestCluster) -> None:
    """Kubernetes leaves it to quotas who may use them."""
    found = await made(cluster, priorityClassName="system-node-critical")
    assert found["priority"] == 2_000_001_000


async def test_classes_named_system_are_only_the_systems_own(cluster: TestCluster) -> None:
    with pytest.raises(ApiError) as error:
        await cluster.client.create(PRIORITIES, {"metadata": {"name": "system-mine"}, "value": 1})
    assert error.value.code == 422
    with pytest.raises(ApiError) as error:
        await cluster.client.create(
            PRIORITIES, {"metadata": {"name": "high"}, "value": 1_000_000_001}
        )
    assert error.value.code == 422


async def test_there_is_one_default_class(cluster: TestCluster) -> None:
    usual = {"metadata": {"name": "usual"}, "value": 3, "globalDefault": True}
    await cluster.client.create(PRIORITIES, usual)
    found = await made(cluster)
    assert (found["priority"], found["priorityClassName"]) == (3, "usual")
    for name in ("usual", "other"):
        with pytest.raises(ApiError, match="PriorityClass usual is already marked as default"):
            await cluster.client.create(PRIORITIES, {**usual, "metadata": {"name": name}})
    await cluster.client.patch(PRIORITIES, "usual", {"description": "mine"})


async def test_an_update_without_the_priority_keeps_it(cluster: TestCluster) -> None:
    await cluster.client.create(PRIORITIES, {"metadata": {"name": "high"}, "value": 7})
    await made(cluster, priorityClassName="high")
    live = await cluster.client.get(PODS, "a", "default")
    del live["spec"]["priority"], live["spec"]["preemptionPolicy"]
    live["metadata"]["labels"] = {"new": "label"}
    reply = await ask(cluster, "PUT", "/api/v1/namespaces/default/pods/a", live)
    assert reply.status == 200
    spec = reply.body["spec"]
    assert (spec["priority"], spec["preemptionPolicy"]) == (7, "PreemptLowerPriority")


# -- RuntimeClass ----------------------------------------------------------------------------------
NO_OVERHEAD = "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead"
OTHER_OVERHEAD = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"


async def test_overhead_is_that_of_the_runtime_class(cluster: TestCluster) -> None:
    await cluster.client.create(
        RUNTIMES,
        {"metadata": {"name": "vm"}, "handler": "vm", "overhead": {"podFixed": {"cpu": "100m"}}},
    )
    await cluster.client.create(RUNTIMES, {"metadata": {"name": "bare"}, "handler": "bare"})
    assert (await made(cluster, "a", runtimeClassName="vm"))["overhead"] == {"cpu": "100m"}
    same = await made(cluster, "b", runtimeClassName="vm", overhead={"cpu": "0.1"})
    assert same["overhead"] == {"cpu": "100m"}
    other = await refused(cluster, runtimeClassName="vm", overhead={"cpu": "1"})
    assert other == OTHER_OVERHEAD
    assert await refused(cluster, runtimeClassName="bare", overhead={"cpu": "1"}) == NO_OVERHEAD
    assert await refused(cluster, overhead={"cpu": "1"}) == NO_OVERHEAD
    assert await refused(cluster, runtimeClassName="no") == (
        'pod rejected: RuntimeClass "no" not found'
    )


async def test_a_runtime_class_chooses_nodes(cluster: TestCluster) -> None:
    taint = {"key": "vm", "operator": "Equal", "value": "yes", "effect": "NoSchedule"}
    scheduling = {"nodeSelector": {"vm": "yes"}, "tolerations": [taint]}
    await cluster.client.create(
        RUNTIMES, {"metadata": {"name": "vm"}, "handler": "vm", "scheduling": scheduling}
    )
    wider = {"key": "vm", "operator": "Exists"}
    found = await made(cluster, runtimeClassName="vm", tolerations=[wider])
    assert found["nodeSelector"] == {"vm": "yes"}
    assert [t for t in found["tolerations"] if t.get("key") == "vm"] == [wider]
    told = await refused(cluster, runtimeClassName="vm", nodeSelector={"vm": "no"})
    assert told == (
        "conflict: runtimeClass.scheduling.nodeSelector[vm] = yes; pod.spec.nodeSelector[vm] = no"
    )


# -- DefaultTolerationSeconds ----------------------------------------------------------------------
async def test_who_tolerates_everything_gets_no_tolerations(cluster: TestCluster) -> None:
    everything = {"operator": "Exists"}
    assert (await made(cluster, "a", tolerations=[everything]))["tolerations"] == [everything]
    other = {"operator": "Exists", "effect": "NoSchedule"}
    assert len((await made(cluster, "b", tolerations=[other]))["tolerations"]) == 3


# -- ServiceAccount --------------------------------------------------------------------------------
async def test_an_account_may_keep_its_pods_to_the_secrets_it_lists(cluster: TestCluster) -> None:
    await cluster.client.create(
        ACCOUNTS,
        {
            "metadata": {
                "name": "strict",
                "annotations": {"kubernetes.io/enforce-mountable-secrets": "true"},
            },
            "secrets": [{"name": "known"}],
            "imagePullSecrets": [{"name": "registry"}],
        },
        "default",
    )

    def using(field: str, **container: Any) -> dict[str, Any]:
        main = {"name": "main", "image": "x"}
        spec: dict[str, Any] = {"serviceAccountName": "strict", "containers": [main]}
        spec[field] = [{"name": "c", "image": "x", **container}]
        return spec

    def variable(secret: str) -> dict[str, Any]:
        return {"name": "V", "valueFrom": {"secretKeyRef": {"name": secret, "key": "k"}}}

    why = "is not allowed because service account strict does not reference that"
    volumes = [{"name": "v", "secret": {"secretName": "other"}}]
    assert await refused(cluster, serviceAccountName="strict", volumes=volumes) == (
        f'volume with secret.secretName="other" {why} secret'
    )
    assert await refused(cluster, **using("containers", env=[variable("other")])) == (
        f'container c with envVar V referencing secret.secretName="other" {why} secret'
    )
    from_it = [{"secretRef": {"name": "other"}}]
    assert await refused(cluster, **using("initContainers", envFrom=from_it)) == (
        f'init container c with envFrom referencing secret.secretName="other" {why} secret'
    )
    pulling = {"serviceAccountName": "strict", "imagePullSecrets": [{"name": "other"}]}
    assert await refused(cluster, **pulling) == (
        f'imagePullSecrets[0].name="other" {why} imagePullSecret'
    )
    found = await made(cluster, "good", **using("containers", env=[variable("known")]))
    assert found["imagePullSecrets"] == [{"name": "registry"}]
    debug = {"name": "d", "image": "x", "env": [variable("other")]}
    with pytest.raises(ApiError, match="ephemeral container d with envVar V referencing"):
        await cluster.client.patch(
            PODS,
            "good",
            {"spec": {"ephemeralContainers": [debug]}},
            "default",
            subresource="ephemeralcontainers",
        )


async def test_a_mount_of_ones_own_keeps_the_token_away(cluster: TestCluster) -> None:
    own = {"name": "own", "mountPath": TOKEN}
    container = {"name": "main", "image": "x", "volumeMounts": [own]}
    found = await made(cluster, containers=[container], volumes=[{"name": "own", "emptyDir": {}}])
    assert [volume["name"] for volume in found["volumes"]] == ["own"]


async def test_mirror_pods_go_without_an_account(cluster: TestCluster) -> None:
    mirror = {"kubernetes.io/config.mirror": "x"}
    node = await cluster.client.create(NODES, {"metadata": {"name": "n"}})
    kubelet = cluster.client_of(User("system:node:n", ("system:nodes", "system:authenticated")))
    owner = {
        "apiVersion": "v1",
        "kind": "Node",
        "name": "n",
        "uid": node["metadata"]["uid"],
        "controller": True,
    }
    obj = pod("static-n", nodeName="n")
    obj["metadata"] |= {"annotations": mirror, "ownerReferences": [owner]}
    with_account = {**obj, "spec": {**obj["spec"], "serviceAccountName": "default"}}
    with pytest.raises(ApiError, match="a mirror pod may not reference service accounts"):
        await cluster.client.create(PODS, with_account, "default")
    volumes = [{"name": "v", "secret": {"secretName": "s"}}]
    with_secret = {**obj, "spec": {**obj["spec"], "volumes": volumes}}
    with pytest.raises(ApiError, match="a mirror pod may not reference secrets"):
        await cluster.client.create(PODS, with_secret, "default")
    found = await kubelet.create(PODS, obj, "default")
    assert "serviceAccountName" not in found["spec"]
    assert "volumes" not in found["spec"]
    await kubelet.delete(PODS, "static-n", "default", grace_period=0)


# -- off by default --------------------------------------------------------------------------------
async def test_services_may_have_external_addresses(cluster: TestCluster) -> None:
    """DenyServiceExternalIPs is off, as it is there."""
    spec = {"ports": [{"port": 80}], "externalIPs": ["192.0.2.7"]}
    obj = {"metadata": {"name": "a"}, "spec": spec}
    await cluster.client.create(kind("v1", "Service"), obj, "default")


async def test_owners_may_be_set_without_the_right_to_change_them(cluster: TestCluster) -> None:
    """OwnerReferencesPermissionEnforcement is off, as it is there."""
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["create"]}]
    await cluster.client.create(
        kind("rbac.authorization.k8s.io/v1", "ClusterRole"),
        {"metadata": {"name": "makers"}, "rules": rules},
    )
    await cluster.client.create(
        kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
        {
            "metadata": {"name": "makers"},
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "makers",
            },
            "subjects": [{"kind": "User", "name": "jane"}],
        },
    )
    jane = cluster.client_of(User("jane", ("system:authenticated",)))
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "blockOwnerDeletion": True}
    obj = {"metadata": {"name": "a", "ownerReferences": [owner]}}
    await jane.create(kind("v1", "ConfigMap"), obj, "default")
