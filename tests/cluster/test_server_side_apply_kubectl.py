"""Server-side apply as kubectl uses it."""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.resources import CONFIG_MAPS, DEPLOYMENTS
from grappe.testing.cluster import TestCluster
from tests.cluster.people import administrator


def deployment(image: str = "web:1", **spec: Any) -> Object:
    labels = {"app": "web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "default", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "web", "image": image}]},
            },
            **spec,
        },
    }


def config_map(**data: str) -> Object:
    metadata = {"name": "a", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


async def test_applying_the_same_again_changes_nothing(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    server_side = ("apply", "--server-side", "-f", "-")
    assert "serverside-applied" in await kubectl(*server_side, send=deployment())
    first = await cluster.client.get(DEPLOYMENTS, "web", "default")
    await kubectl(*server_side, send=deployment())
    again = await cluster.client.get(DEPLOYMENTS, "web", "default")
    assert again == first
    entries = again["metadata"]["managedFields"]
    assert [(e["manager"], e["operation"]) for e in entries] == [("kubectl", "Apply")]
    assert again["spec"]["replicas"] == 1
    assert "f:replicas" not in entries[0]["fieldsV1"]["f:spec"]


async def test_a_scaled_deployment_conflicts_only_over_its_replicas(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    server_side = ("apply", "--server-side", "-f", "-")
    await kubectl(*server_side, send=deployment(replicas=1))
    await kubectl("scale", "deployment/web", "--replicas=3")
    refused = await kubectl.run(*server_side, send=deployment(replicas=2))
    assert (
        'Apply failed with 1 conflict: conflict with "kubectl" with subresource "scale" using '
        "apps/v1: .spec.replicas"
    ) in refused.err
    await kubectl(*server_side, send=deployment("web:2"))
    found = await cluster.client.get(DEPLOYMENTS, "web", "default")
    assert found["spec"]["replicas"] == 3
    await kubectl(*server_side, "--force-conflicts", send=deployment("web:2", replicas=2))
    found = await cluster.client.get(DEPLOYMENTS, "web", "default")
    assert found["spec"]["replicas"] == 2


async def test_moving_from_client_side_apply_keeps_everything_owned(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    await kubectl("apply", "-f", "-", send=config_map(x="1", y="1"))
    await kubectl("apply", "--server-side", "-f", "-", send=config_map(x="2"))
    found = await cluster.client.get(CONFIG_MAPS, "a", "default")
    assert found["data"] == {"x": "2"}
    managers = [(e["manager"], e["operation"]) for e in found["metadata"]["managedFields"]]
    assert ("kubectl", "Apply") in managers
    assert ("kubectl-client-side-apply", "Update") not in managers


async def test_kubectl_diff_shows_what_an_apply_would_change(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    await kubectl("apply", "--server-side", "-f", "-", send=config_map(x="1"))
    same = await kubectl.run("diff", "--server-side", "-f", "-", send=config_map(x="1"))
    assert (same.code, same.out) == (0, "")
    found = await kubectl.run("diff", "--server-side", "-f", "-", send=config_map(x="2"))
    assert found.code == 1
    assert '-  x: "1"\n+  x: "2"' in found.out


async def test_dry_run_apply_of_a_status_is_ignored(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    wanted = {**deployment(), "status": {"replicas": 9}}
    await kubectl("apply", "--server-side", "-f", "-", send=wanted)
    found = await cluster.client.get(DEPLOYMENTS, "web", "default")
    assert (found.get("status") or {}).get("replicas") is None
    (entry,) = found["metadata"]["managedFields"]
    assert "f:status" not in entry["fieldsV1"]
