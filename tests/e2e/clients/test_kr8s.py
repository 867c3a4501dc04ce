"""kr8s: an asynchronous client that discovers everything by itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

kr8s = pytest.importorskip("kr8s")
asyncio_api = pytest.importorskip("kr8s.asyncio")
objects = pytest.importorskip("kr8s.asyncio.objects")

# It warns of every server newer than itself.
pytestmark = pytest.mark.filterwarnings("ignore:Kubernetes version .* is not supported")


@pytest.fixture
async def api(kubeconfig: Path, namespace: str) -> AsyncIterator[Any]:
    made = await asyncio_api.api(kubeconfig=str(kubeconfig), namespace=namespace)
    yield made
    await made._session.aclose()


async def test_the_life_of_a_deployment(api: Any, namespace: str) -> None:
    web = await objects.Deployment(
        {
            "metadata": {"name": "web", "namespace": namespace},
            "spec": {
                "replicas": 1,
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "main", "image": "example.com/web:1"}]},
                },
            },
        },
        api=api,
    )
    await web.create()
    await web.wait("condition=Available", timeout=60)
    await web.scale(2)
    assert (await objects.Deployment.get("web", namespace=namespace, api=api)).replicas == 2
    await web.label({"team": "red"})
    await web.annotate({"note": "here"})
    found = [d async for d in api.get("deployments", label_selector={"team": "red"})]
    assert [(d.name, d.annotations["note"]) for d in found] == [("web", "here")]
    pods = await web.pods()
    assert {pod.labels["app"] for pod in pods} == {"web"}
    await web.delete(propagation_policy="Foreground")
    await web.wait("delete", timeout=60)
    assert not await web.exists()


async def test_a_watch_tells_what_happens(api: Any, namespace: str) -> None:
    body = {"metadata": {"name": "a", "namespace": namespace}, "data": {"k": "1"}}
    made = await objects.ConfigMap(body, api=api)
    seen = []
    async for event, obj in api.watch("configmaps", namespace=namespace):
        if obj.name == "kube-root-ca.crt":
            if not seen:
                await made.create()
            continue
        seen.append((event, obj.data.k))
        match len(seen):
            case 1:
                await made.patch({"data": {"k": "2"}})
            case 2:
                await made.patch([{"op": "replace", "path": "/data/k", "value": "3"}], type="json")
            case 3:
                await made.delete()
            case 4:
                break
    assert seen == [("ADDED", "1"), ("MODIFIED", "2"), ("MODIFIED", "3"), ("DELETED", "3")]


async def test_kinds_and_errors(api: Any, namespace: str) -> None:
    kinds = {r["name"] for r in await api.api_resources()}
    assert {"pods", "deployments", "customresourcedefinitions"} <= kinds
    assert (await api.version())["major"] == "1"
    assert await api.whoami() == "kubernetes-admin"
    with pytest.raises(kr8s.NotFoundError):
        await objects.Secret.get("none", namespace=namespace, api=api)
    bad = await objects.ConfigMap({"metadata": {"name": "Bad", "namespace": namespace}}, api=api)
    with pytest.raises(kr8s.ServerError) as caught:
        await bad.create()
    assert caught.value.response.status_code == 422
    assert "metadata.name" in str(caught.value)
