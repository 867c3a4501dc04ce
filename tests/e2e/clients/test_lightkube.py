"""lightkube: typed models, server-side apply, watches, generic resources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

lightkube = pytest.importorskip("lightkube")
apps = pytest.importorskip("lightkube.resources.apps_v1")
core = pytest.importorskip("lightkube.resources.core_v1")
models = pytest.importorskip("lightkube.models.core_v1")
meta = pytest.importorskip("lightkube.models.meta_v1")
types = pytest.importorskip("lightkube.types")
generic = pytest.importorskip("lightkube.generic_resource")
extensions = pytest.importorskip("lightkube.resources.apiextensions_v1")


@pytest.fixture
def client(kubeconfig: Path, namespace: str) -> Any:
    config = lightkube.KubeConfig.from_file(kubeconfig)
    return lightkube.Client(config=config, namespace=namespace, field_manager="lightkube")


def config_map(name: str, **data: str) -> Any:
    return core.ConfigMap(metadata=meta.ObjectMeta(name=name), data=data)


def test_create_replace_patch_apply_delete(client: Any) -> None:
    made = client.create(config_map("a", k="1"))
    made.data["k"] = "2"
    assert client.replace(made).data == {"k": "2"}
    with pytest.raises(lightkube.ApiError) as caught:
        client.replace(made)
    assert (caught.value.status.code, caught.value.status.reason) == (409, "Conflict")
    patched = client.patch(core.ConfigMap, "a", {"data": {"l": "3"}})
    assert patched.data == {"k": "2", "l": "3"}
    applied = client.apply(
        core.ConfigMap(
            apiVersion="v1",
            kind="ConfigMap",
            metadata=meta.ObjectMeta(name="b"),
            data={"k": "v"},
        )
    )
    assert applied.metadata.managedFields[0].manager == "lightkube"
    names = {item.metadata.name for item in client.list(core.ConfigMap, chunk_size=1)}
    assert {"a", "b"} <= names
    client.delete(core.ConfigMap, "a")
    with pytest.raises(lightkube.ApiError) as caught:
        client.get(core.ConfigMap, "a")
    assert caught.value.status.reason == "NotFound"


def test_a_watch_from_a_revision(client: Any) -> None:
    made = client.create(config_map("first"))
    client.create(config_map("second", k="v"))
    client.delete(core.ConfigMap, "second")
    seen = []
    for kind, obj in client.watch(core.ConfigMap, resource_version=made.metadata.resourceVersion):
        if obj.metadata.name == "second":
            seen.append(kind)
            if kind == "DELETED":
                break
    assert seen == ["ADDED", "DELETED"]


def test_a_wait_for_a_condition(client: Any, namespace: str) -> None:
    from lightkube.models.apps_v1 import DeploymentSpec

    labels = {"app": "web"}
    client.create(
        apps.Deployment(
            metadata=meta.ObjectMeta(name="web"),
            spec=DeploymentSpec(
                replicas=1,
                selector=meta.LabelSelector(matchLabels=labels),
                template=models.PodTemplateSpec(
                    metadata=meta.ObjectMeta(labels=labels),
                    spec=models.PodSpec(
                        containers=[models.Container(name="main", image="example.com/web:1")]
                    ),
                ),
            ),
        )
    )
    ready = client.wait(apps.Deployment, "web", for_conditions=["Available"])
    assert ready.status.availableReplicas == 1
    scale = client.get(apps.Deployment.Scale, "web")
    assert (scale.spec.replicas, scale.status.selector) == (1, "app=web")


def test_a_custom_kind(client: Any, namespace: str) -> None:
    group = f"{namespace}.example.com"
    definition = {
        "metadata": {"name": f"wines.{group}"},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": "wines", "kind": "Wine"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "x-kubernetes-preserve-unknown-fields": True,
                        }
                    },
                }
            ],
        },
    }
    crd = extensions.CustomResourceDefinition
    client.create(crd.from_dict(definition))
    try:
        client.wait(crd, f"wines.{group}", for_conditions=["Established"])
        wine = generic.create_namespaced_resource(group, "v1", "Wine", "wines")
        client.create(wine(metadata={"name": "a"}, spec={"colour": "red"}))
        status = {"status": {"open": True}}
        with pytest.raises(lightkube.ApiError) as caught:
            client.patch(wine.Status, "a", status)  # strategic merge is for built-in kinds
        assert caught.value.status.code == 415
        merge = types.PatchType.MERGE
        done = client.patch(wine.Status, "a", status, patch_type=merge)
        assert done.status == {"open": True}
        assert client.get(wine, "a").spec == {"colour": "red"}
    finally:
        client.delete(crd, f"wines.{group}")
