"""What clients learn of the API before they use it."""

from __future__ import annotations

import asyncio

from grappe.testing.cluster import TestCluster
from tests.cluster.people import administrator, kubernetes_client


async def test_kubectl_lists_resources_versions_and_health(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    resources = await kubectl("api-resources", "--no-headers", "-o", "wide")
    (deployments,) = [line for line in resources.splitlines() if line.startswith("deployments ")]
    assert deployments.split()[:5] == ["deployments", "deploy", "apps/v1", "true", "Deployment"]
    assert "create,delete,deletecollection,get,list,patch,update,watch" in deployments
    assert {"apps/v1", "autoscaling/v2", "batch/v1", "v1"} <= set(
        (await kubectl("api-versions")).split()
    )
    assert (await kubectl("get", "--raw", "/readyz")) == "ok"
    assert "readyz check passed" in await kubectl("get", "--raw", "/readyz?verbose")
    assert "Server Version: v1.36." in await kubectl("version")


async def test_kubectl_refuses_a_kind_that_is_not_served(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    refused = await kubectl.run("get", "gizmos")
    assert refused.err == 'error: the server doesn\'t have a resource type "gizmos"\n'
    refused = await kubectl.run("get", "--raw", "/apis/nothing.example.com/v1")
    assert "the server could not find the requested resource" in refused.err


async def test_the_python_client_discovers_and_reads_the_version(cluster: TestCluster) -> None:
    from kubernetes import client, dynamic

    kubeconfig = await cluster.serve_https()

    def discover() -> tuple[str, str, list[str]]:
        with kubernetes_client(kubeconfig) as api:
            version = client.VersionApi(api).get_code()
            resources = dynamic.DynamicClient(api).resources
            kind = resources.get(api_version="apps/v1", kind="Deployment")
            groups = client.ApisApi(api).get_api_versions().groups
            return version.git_version, kind.name, [group.name for group in groups]

    version, plural, groups = await asyncio.to_thread(discover)
    assert version.startswith("v1.36.")
    assert plural == "deployments"
    assert "apps" in groups


async def test_metrics_count_answers_and_objects(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    await kubectl("create", "configmap", "a")
    await kubectl.run("get", "pod", "missing")
    lines = (await kubectl("get", "--raw", "/metrics")).splitlines()
    (created,) = [
        line
        for line in lines
        if line.startswith("apiserver_request_total{") and 'resource="configmaps"' in line
    ]
    assert 'verb="POST"' in created
    assert 'code="201"' in created
    assert created.endswith(" 3")  # and the two that every cluster has
    assert any('resource="pods"' in line and 'code="404"' in line for line in lines)
    assert 'apiserver_storage_objects{resource="configmaps"} 3' in lines
    assert any(line.startswith("process_resident_memory_bytes ") for line in lines)
