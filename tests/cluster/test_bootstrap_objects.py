"""The objects every cluster has, and has again."""

from __future__ import annotations

import pytest

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import (
    ENDPOINT_SLICES,
    NAMESPACES,
    SERVICE_CIDRS,
    SERVICES,
    builtin_kind,
)
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import ask


async def test_the_services_of_the_cluster_have_their_addresses(cluster: TestCluster) -> None:
    api = await cluster.client.get(SERVICES, "kubernetes", "default")
    dns = await cluster.client.get(SERVICES, "kube-dns", "kube-system")
    assert api["spec"]["clusterIP"] == cluster.config.api_service_ip
    assert dns["spec"]["clusterIP"] == cluster.config.dns_ip
    assert {port["protocol"] for port in dns["spec"]["ports"]} == {"TCP", "UDP"}
    slices = await cluster.client.get(ENDPOINT_SLICES, "kubernetes", "default")
    assert slices["ports"][0]["port"] == cluster.config.port


async def test_the_range_of_cluster_ips_is_told_and_made_again(cluster: TestCluster) -> None:
    path = "/apis/networking.k8s.io/v1/servicecidrs"

    async def told() -> Object:
        return (await ask(cluster, "GET", f"{path}/kubernetes")).body

    found = await told()
    assert found["spec"] == {"cidrs": [cluster.config.service_cidr]}
    (ready,) = found["status"]["conditions"]
    assert (ready["type"], ready["status"]) == ("Ready", "True")
    assert (await ask(cluster, "DELETE", f"{path}/kubernetes")).status == 200
    async for event in cluster.client.watch(
        SERVICE_CIDRS, resource_version=found["metadata"]["resourceVersion"]
    ):
        if event.type == "MODIFIED":
            break
    again = await told()
    assert again["metadata"]["uid"] != found["metadata"]["uid"]
    assert again["status"]["conditions"][0]["type"] == "Ready"


async def test_what_is_deleted_is_made_again(cluster: TestCluster) -> None:
    client = cluster.client
    before = await client.get(SERVICES, "kube-dns", "kube-system")
    version = before["metadata"]["resourceVersion"]
    await client.delete(SERVICES, "kube-dns", "kube-system")
    async for event in client.watch(SERVICES, "kube-system", resource_version=version):
        if event.type == "ADDED":
            break
    again = await client.get(SERVICES, "kube-dns", "kube-system")
    assert again["metadata"]["uid"] != before["metadata"]["uid"]
    assert again["spec"]["clusterIP"] == before["spec"]["clusterIP"]


async def test_what_was_changed_is_put_right_at_the_next_start(cluster: TestCluster) -> None:
    client = cluster.client
    wrong = {"endpoints": [{"addresses": ["10.1.2.3"]}]}
    await client.patch(ENDPOINT_SLICES, "kubernetes", wrong, "default")
    labels = {"metadata": {"labels": {"mine": "1"}}}
    await client.patch(NAMESPACES, "default", labels)
    await cluster.api.stop()
    await cluster.api.start()
    right = await client.get(ENDPOINT_SLICES, "kubernetes", "default")
    assert right["endpoints"][0]["addresses"] == ["127.0.0.1"]
    kept = await client.get(NAMESPACES, "default")
    assert kept["metadata"]["labels"]["mine"] == "1"


async def test_flow_schemas_are_judged_when_the_server_has_started(cluster: TestCluster) -> None:
    found = await ask(cluster, "GET", "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas")
    assert found.body["items"]
    for schema in found.body["items"]:
        (condition,) = schema["status"]["conditions"]
        assert (condition["type"], condition["status"]) == ("Dangling", "False")


async def test_flow_schemas_of_an_earlier_version_go_at_the_next_start(
    cluster: TestCluster,
) -> None:
    schemas = builtin_kind("flowcontrol.apiserver.k8s.io/v1", "FlowSchema")
    assert schemas is not None
    for name, said in (("old", "true"), ("mine", "false")):
        notes = {"apf.kubernetes.io/autoupdate-spec": said}
        spec = {"priorityLevelConfiguration": {"name": "system"}, "matchingPrecedence": 200}
        obj = {"metadata": {"name": name, "annotations": notes}, "spec": spec}
        await cluster.client.create(schemas, obj)
    await cluster.api.stop()
    await cluster.api.start()
    await cluster.client.get(schemas, "mine")
    with pytest.raises(ApiError, match=r'"old" not found'):
        await cluster.client.get(schemas, "old")
