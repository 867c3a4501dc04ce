"""What admission adds to writes and refuses, seen from outside."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import (
    NAMESPACES,
    PODS,
    SECRETS,
    Resource,
    builtin_kind,
)
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import ask, pod


def kind(api_version: str, name: str) -> Resource:
    found = builtin_kind(api_version, name)
    assert found is not None
    return found


async def make(cluster: TestCluster, api_version: str, name: str, obj: dict[str, Any]) -> Any:
    whole = {"apiVersion": api_version, "kind": name, **obj}
    return await cluster.client.create(kind(api_version, name), whole)


async def refused(cluster: TestCluster, obj: dict[str, Any], namespace: str = "default") -> str:
    with pytest.raises(ApiError) as error:
        await cluster.client.create(PODS, obj, namespace)
    assert error.value.code == 403
    return error.value.message


async def namespace(cluster: TestCluster, name: str, **labels: str) -> None:
    metadata = {"name": name, "labels": labels}
    await make(cluster, "v1", "Namespace", {"metadata": metadata})
    await make(
        cluster, "v1", "ServiceAccount", {"metadata": {"name": "default", "namespace": name}}
    )


# -- NamespaceLifecycle ----------------------------------------------------------------------------
async def test_nothing_is_created_in_a_namespace_that_is_not_there(cluster: TestCluster) -> None:
    with pytest.raises(ApiError) as error:
        await cluster.client.create(PODS, pod("a"), "nowhere")
    assert (error.value.code, error.value.message) == (404, 'namespaces "nowhere" not found')


async def test_nothing_new_in_a_namespace_that_is_going(cluster: TestCluster) -> None:
    await namespace(cluster, "going")
    await cluster.client.delete(NAMESPACES, "going")
    with pytest.raises(ApiError) as error:
        await cluster.client.create(PODS, pod("a"), "going")
    assert error.value.code == 403
    assert error.value.message == (
        'pods "a" is forbidden: unable to create new content in namespace going because it is '
        "being terminated"
    )
    assert (error.value.details or {})["causes"] == [
        {
            "reason": "NamespaceTerminating",
            "message": "namespace going is being terminated",
            "field": "metadata.namespace",
        }
    ]


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
async def test_the_system_namespaces_stay(cluster: TestCluster, name: str) -> None:
    with pytest.raises(ApiError) as error:
        await cluster.client.delete(NAMESPACES, name)
    assert error.value.message == (
        f'namespaces "{name}" is forbidden: this namespace may not be deleted'
    )


# -- ServiceAccount --------------------------------------------------------------------------------
async def test_a_pod_gets_its_account_and_token(cluster: TestCluster) -> None:
    made = await cluster.client.create(PODS, pod("a"), "default")
    spec = made["spec"]
    assert spec["serviceAccountName"] == "default"
    (volume,) = spec["volumes"]
    (mount,) = spec["containers"][0]["volumeMounts"]
    assert volume["name"].startswith("kube-api-access-")
    assert mount["name"] == volume["name"]
    assert mount["mountPath"] == "/var/run/secrets/kubernetes.io/serviceaccount"
    token, ca, where = volume["projected"]["sources"]
    assert token["serviceAccountToken"] == {"expirationSeconds": 3607, "path": "token"}
    assert ca["configMap"]["name"] == "kube-root-ca.crt"
    assert where["downwardAPI"]["items"][0]["path"] == "namespace"


async def test_a_pod_or_its_account_may_do_without_a_token(cluster: TestCluster) -> None:
    bare = pod("a", automountServiceAccountToken=False)
    assert "volumes" not in (await cluster.client.create(PODS, bare, "default"))["spec"]
    account = {"metadata": {"name": "quiet", "namespace": "default"}}
    await make(cluster, "v1", "ServiceAccount", {**account, "automountServiceAccountToken": False})
    made = await cluster.client.create(PODS, pod("b", serviceAccountName="quiet"), "default")
    assert "volumes" not in made["spec"]


async def test_a_missing_account_is_told(cluster: TestCluster) -> None:
    assert await refused(cluster, pod("a", serviceAccountName="ghost")) == (
        'pods "a" is forbidden: error looking up service account default/ghost: serviceaccount '
        '"ghost" not found'
    )


async def test_a_pod_waits_a_moment_for_the_account_of_a_new_namespace(
    cluster: TestCluster,
) -> None:
    await make(cluster, "v1", "Namespace", {"metadata": {"name": "new"}})
    creating = asyncio.create_task(cluster.client.create(PODS, pod("a"), "new"))
    await make(
        cluster, "v1", "ServiceAccount", {"metadata": {"name": "default", "namespace": "new"}}
    )
    assert (await creating)["spec"]["serviceAccountName"] == "default"


async def test_pull_secrets_come_with_the_account(cluster: TestCluster) -> None:
    account = {"metadata": {"name": "puller", "namespace": "default"}}
    await make(cluster, "v1", "ServiceAccount", {**account, "imagePullSecrets": [{"name": "reg"}]})
    made = await cluster.client.create(PODS, pod("a", serviceAccountName="puller"), "default")
    assert made["spec"]["imagePullSecrets"] == [{"name": "reg"}]


# -- Priority, tolerations, classes ----------------------------------------------------------------
async def test_a_priority_class_gives_its_number(cluster: TestCluster) -> None:
    await make(
        cluster, "scheduling.k8s.io/v1", "PriorityClass", {"metadata": {"name": "high"}, "value": 7}
    )
    made = await cluster.client.create(PODS, pod("a", priorityClassName="high"), "default")
    assert (made["spec"]["priority"], made["spec"]["preemptionPolicy"]) == (
        7,
        "PreemptLowerPriority",
    )
    assert "no PriorityClass with name nope was found" in await refused(
        cluster, pod("b", priorityClassName="nope")
    )
    assert "must not be provided in pod spec" in await refused(cluster, pod("c", priority=5))


async def test_pods_tolerate_lost_nodes_for_five_minutes(cluster: TestCluster) -> None:
    own = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}
    made = await cluster.client.create(PODS, pod("a", tolerations=[own]), "default")
    added = [t for t in made["spec"]["tolerations"] if "tolerationSeconds" in t]
    assert [(t["key"], t["tolerationSeconds"]) for t in added] == [
        ("node.kubernetes.io/unreachable", 300)
    ]


async def test_a_claim_gets_the_newest_default_class(cluster: TestCluster) -> None:
    mark = {"storageclass.kubernetes.io/is-default-class": "true"}
    for name, marks in (("fast", {}), ("usual", mark)):
        metadata = {"name": name, "annotations": marks}
        await make(
            cluster, "storage.k8s.io/v1", "StorageClass", {"metadata": metadata, "provisioner": "x"}
        )
    claim = {
        "metadata": {"name": "a", "namespace": "default"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
        },
    }
    assert (await make(cluster, "v1", "PersistentVolumeClaim", claim))["spec"][
        "storageClassName"
    ] == "usual"
    claim["metadata"]["name"] = "b"
    claim["spec"]["storageClassName"] = ""
    assert (await make(cluster, "v1", "PersistentVolumeClaim", claim))["spec"][
        "storageClassName"
    ] == ""


async def test_a_runtime_class_must_exist_and_brings_its_overhead(cluster: TestCluster) -> None:
    assert 'pod rejected: RuntimeClass "vm" not found' in await refused(
        cluster, pod("a", runtimeClassName="vm")
    )
    fixed = {"podFixed": {"memory": "64Mi"}}
    await make(
        cluster,
        "node.k8s.io/v1",
        "RuntimeClass",
        {"metadata": {"name": "vm"}, "handler": "vm", "overhead": fixed},
    )
    made = await cluster.client.create(PODS, pod("a", runtimeClassName="vm"), "default")
    assert made["spec"]["overhead"] == {"memory": "64Mi"}


async def test_a_new_node_is_tainted_until_it_is_ready(cluster: TestCluster) -> None:
    made = await make(cluster, "v1", "Node", {"metadata": {"name": "n"}})
    assert made["spec"]["taints"] == [
        {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    ]


# -- limits and quotas -----------------------------------------------------------------------------
def asking(name: str, **amounts: dict[str, str]) -> dict[str, Any]:
    return pod(name, containers=[{"name": "c", "image": "x", "resources": amounts}])


async def test_limit_ranges_fill_in_and_bound(cluster: TestCluster) -> None:
    limit = {
        "type": "Container",
        "default": {"cpu": "500m"},
        "defaultRequest": {"cpu": "100m"},
        "max": {"cpu": "1"},
        "min": {"cpu": "50m"},
    }
    metadata = {"name": "l", "namespace": "default"}
    await make(cluster, "v1", "LimitRange", {"metadata": metadata, "spec": {"limits": [limit]}})
    made = await cluster.client.create(PODS, asking("a"), "default")
    assert made["spec"]["containers"][0]["resources"] == {
        "limits": {"cpu": "500m"},
        "requests": {"cpu": "100m"},
    }
    assert (
        "cpu request for container c"
        in made["metadata"]["annotations"]["kubernetes.io/limit-ranger"]
    )
    assert await refused(cluster, asking("b", limits={"cpu": "2"}, requests={"cpu": "10m"})) == (
        'pods "b" is forbidden: [minimum cpu usage per Container is 50m, but request is 10m, '
        "maximum cpu usage per Container is 1, but limit is 2]"
    )


async def quota(cluster: TestCluster, **hard: str) -> None:
    spec = {"hard": {name.replace("__", "/").replace("_", "."): v for name, v in hard.items()}}
    metadata = {"name": "q", "namespace": "default"}
    await make(cluster, "v1", "ResourceQuota", {"metadata": metadata, "spec": spec})


async def test_a_quota_bounds_what_a_namespace_uses(cluster: TestCluster) -> None:
    await quota(cluster, pods="2", requests_cpu="1")
    assert await refused(cluster, asking("z")) == (
        'pods "z" is forbidden: failed quota: q: must specify requests.cpu for: c'
    )
    await cluster.client.create(PODS, asking("a", requests={"cpu": "600m"}), "default")
    assert await refused(cluster, asking("b", requests={"cpu": "500m"})) == (
        'pods "b" is forbidden: exceeded quota: q, requested: requests.cpu=500m, '
        "used: requests.cpu=600m, limited: requests.cpu=1"
    )
    await cluster.client.create(PODS, asking("b", requests={"cpu": "100m"}), "default")
    assert "requested: pods=1, used: pods=2, limited: pods=2" in await refused(
        cluster, asking("c", requests={"cpu": "100m"})
    )
    await cluster.client.delete(PODS, "a", "default", grace_period=0)
    await cluster.client.create(PODS, asking("c", requests={"cpu": "100m"}), "default")


async def test_a_quota_holds_for_objects_created_at_the_same_time(cluster: TestCluster) -> None:
    await quota(cluster, count__secrets="3")
    outcomes = await asyncio.gather(
        *(
            cluster.client.create(SECRETS, {"metadata": {"name": f"s{n}"}}, "default")
            for n in range(10)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, ApiError) for outcome in outcomes) == 7
    assert cluster.store.count(SECRETS.bucket) == 3


async def test_a_quota_says_what_is_used(cluster: TestCluster) -> None:
    quotas = kind("v1", "ResourceQuota")
    await quota(cluster, pods="5", requests_cpu="2")
    watched = cluster.client.watch(quotas, "default", resource_version="0")

    async def until(used: dict[str, str]) -> dict[str, Any]:
        async for event in watched:
            status: dict[str, Any] = event.object.get("status") or {}
            if status.get("used") == used:
                return status
        raise AssertionError("the watch ended")

    status = await until({"pods": "0", "requests.cpu": "0"})
    assert status["hard"] == {"pods": "5", "requests.cpu": "2"}
    await cluster.client.create(PODS, asking("a", requests={"cpu": "300m"}), "default")
    await until({"pods": "1", "requests.cpu": "300m"})
    ended = {"status": {"phase": "Succeeded"}}
    await cluster.client.patch(PODS, "a", ended, "default", subresource="status")
    await until({"pods": "0", "requests.cpu": "0"})
    change = {"spec": {"hard": {"requests.cpu": None, "count/secrets": "9"}}}
    await cluster.client.patch(quotas, "q", change, "default")
    await until({"pods": "0", "count/secrets": "0"})
    await cluster.client.create(SECRETS, {"metadata": {"name": "s"}}, "default")
    await until({"pods": "0", "count/secrets": "1"})


# -- PodSecurity -----------------------------------------------------------------------------------
async def test_a_namespace_enforces_its_security_level(cluster: TestCluster) -> None:
    await namespace(cluster, "tight", **{"pod-security.kubernetes.io/enforce": "restricted"})
    message = await refused(cluster, pod("a"), "tight")
    assert message == (
        'pods "a" is forbidden: violates PodSecurity "restricted:latest": '
        'allowPrivilegeEscalation != false (container "main" must set '
        "securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "
        '"main" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or '
        'container "main" must set securityContext.runAsNonRoot=true), seccompProfile (pod or '
        'container "main" must set securityContext.seccompProfile.type to "RuntimeDefault" or '
        '"Localhost")'
    )
    good = pod(
        "a",
        containers=[
            {
                "name": "main",
                "image": "x",
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "runAsNonRoot": True,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
            }
        ],
    )
    await cluster.client.create(PODS, good, "tight")
    await namespace(cluster, "base", **{"pod-security.kubernetes.io/enforce": "baseline"})
    await cluster.client.create(PODS, pod("a"), "base")
    assert "host namespaces (hostNetwork=true)" in await refused(
        cluster, pod("b", hostNetwork=True), "base"
    )


async def test_labels_of_a_namespace_are_checked_and_its_pods_told(cluster: TestCluster) -> None:
    label = "pod-security.kubernetes.io/enforce"
    with pytest.raises(ApiError) as error:
        await namespace(cluster, "slip", **{label: "resticted"})
    assert error.value.code == 422
    assert error.value.message.endswith(
        f'metadata.labels[{label}]: Invalid value: "resticted": must be one of privileged, '
        "baseline, restricted"
    )
    await namespace(cluster, "later")
    for name in "ab":
        await cluster.client.create(PODS, pod(name, hostNetwork=True), "later")
    patch = {"metadata": {"labels": {label: "baseline"}}}
    reply = await ask(
        cluster,
        "PATCH",
        "/api/v1/namespaces/later",
        patch,
        {"content-type": "application/merge-patch+json"},
    )
    assert reply.status == 200
    warnings = [value for name, value in reply.headers.items() if name.lower() == "warning"]
    assert any("a (and 1 other pod): host namespaces" in warning for warning in warnings)
