"""What kubectl learns from the OpenAPI documents."""

from __future__ import annotations

from grappe.testing.cluster import TestCluster
from tests.cluster.people import administrator


async def test_explain_prints_fields_and_descriptions(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    text = await kubectl("explain", "deployment.spec.strategy")
    assert "GROUP:      apps" in text
    assert "KIND:       Deployment" in text
    assert "rollingUpdate\t<RollingUpdateDeployment>" in text
    assert "Rolling update config params." in text
    recursive = await kubectl("explain", "pod", "--recursive")
    assert "containerPort\t<integer> -required-" in recursive
    text = await kubectl("explain", "pod.spec.restartPolicy")
    assert "ENUM:\n    Always\n    Never\n    OnFailure" in text
    text = await kubectl("explain", "pod.spec.containers.resources.limits")
    assert "limits <map[string]Quantity>" in text


async def test_explain_knows_custom_resources(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    schema = {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "properties": {"size": {"type": "integer", "description": "How big it is."}},
            }
        },
    }
    names = {"plural": "widgets", "kind": "Widget"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": names,
            "versions": [version],
        },
    }
    await kubectl("create", "-f", "-", send=definition)
    await kubectl("wait", "--for=condition=Established", "crd/widgets.example.com")
    text = await kubectl("explain", "widgets.spec")
    assert "size\t<integer>" in text
    assert "How big it is." in text


async def test_explain_also_works_from_the_older_document(cluster: TestCluster) -> None:
    """It is sent in protobuf: the only form client-go asks for."""
    kubectl = await administrator(cluster)
    text = await kubectl("explain", "pod.spec.containers", "--output=plaintext-openapiv2")
    assert "livenessProbe\t<Object>" in text
    assert "Periodic probe of container liveness." in text


async def test_unknown_fields_are_refused_before_anything_is_made(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    manifest = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "namespace": "default"},
        "datta": {"x": "y"},
    }
    refused = await kubectl.run("apply", "-f", "-", send=manifest)
    assert 'unknown field "datta"' in refused.err
    allowed = await kubectl("apply", "--validate=warn", "-f", "-", send=manifest)
    assert "configmap/a created" in allowed


async def test_apply_merges_by_the_published_patch_keys(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    containers = [{"name": "one", "image": "x:1"}, {"name": "two", "image": "x:1"}]
    manifest = {
        "apiVersion": "v1",
        "kind": "ReplicationController",
        "metadata": {"name": "a", "namespace": "default"},
        "spec": {
            "replicas": 0,
            "selector": {"app": "a"},
            "template": {
                "metadata": {"labels": {"app": "a"}},
                "spec": {"containers": containers},
            },
        },
    }
    await kubectl("apply", "-f", "-", send=manifest)
    containers[:] = [{"name": "one", "image": "x:2"}]
    assert "configured" in await kubectl("apply", "-f", "-", send=manifest)
    images = await kubectl(
        "get", "rc", "a", "-o", "jsonpath={.spec.template.spec.containers[*].image}"
    )
    assert images == "x:2"
