"""The official Python client against the in-process server over HTTPS."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import deployment

kubernetes = pytest.importorskip("kubernetes")


@pytest.fixture
async def api(cluster: TestCluster) -> AsyncIterator[Any]:
    """A client made from the administrator's kubeconfig; its calls block, so run them `off`
    the loop."""
    path = await cluster.serve_https()
    client = await asyncio.to_thread(kubernetes.config.new_client_from_config, str(path))
    yield client
    await asyncio.to_thread(client.close)


async def off(call: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
    return await asyncio.to_thread(call, *arguments, _request_timeout=10, **named)


async def test_the_life_of_a_deployment(api: Any) -> None:
    apps = kubernetes.client.AppsV1Api(api)
    made = await off(apps.create_namespaced_deployment, "default", deployment("web"))
    assert made.metadata.uid
    assert made.spec.strategy.type == "RollingUpdate"
    patch = {"spec": {"replicas": 3}}
    patched = await off(apps.patch_namespaced_deployment, "web", "default", patch)
    assert patched.spec.replicas == 3
    scale = await off(apps.read_namespaced_deployment_scale, "web", "default")
    assert (scale.spec.replicas, scale.status.selector) == (3, "app=web")
    patched.spec.replicas = 4
    replaced = await off(apps.replace_namespaced_deployment, "web", "default", patched)
    assert replaced.metadata.generation == 3
    listed = await off(apps.list_deployment_for_all_namespaces, label_selector="none=here")
    assert listed.items == []
    await off(apps.delete_namespaced_deployment, "web", "default")
    listed = await off(apps.list_namespaced_deployment, "default")
    assert listed.items == []


async def test_an_error_is_a_status(api: Any) -> None:
    core = kubernetes.client.CoreV1Api(api)
    with pytest.raises(kubernetes.client.ApiException) as caught:
        await off(core.read_namespaced_pod, "none", "default")
    assert caught.value.status == 404
    assert caught.value.headers["Content-Type"] == "application/json"
    assert '"reason":"NotFound"' in caught.value.body


async def test_paging_through_a_list(api: Any) -> None:
    core = kubernetes.client.CoreV1Api(api)
    for n in range(5):
        body = {"metadata": {"name": f"c-{n}"}}
        await off(core.create_namespaced_config_map, "default", body)
    names: list[str] = []
    token = None
    while True:
        page = await off(core.list_namespaced_config_map, "default", limit=2, _continue=token)
        names += [item.metadata.name for item in page.items]
        token = page.metadata._continue
        if not token:
            break
    assert names == [f"c-{n}" for n in range(5)]


async def test_a_watch_streams_events(api: Any) -> None:
    core = kubernetes.client.CoreV1Api(api)
    listed = await off(core.list_namespaced_config_map, "default")
    seen: list[tuple[str, str]] = []
    started = threading.Event()

    def watch() -> None:
        watcher = kubernetes.watch.Watch()
        started.set()
        for event in watcher.stream(
            core.list_namespaced_config_map,
            "default",
            resource_version=listed.metadata.resource_version,
            timeout_seconds=20,
        ):
            seen.append((event["type"], event["object"].metadata.name))
            if len(seen) == 2:
                watcher.stop()

    watching = asyncio.create_task(asyncio.to_thread(watch))
    await asyncio.to_thread(started.wait)
    await off(core.create_namespaced_config_map, "default", {"metadata": {"name": "a"}})
    await off(core.delete_namespaced_config_map, "a", "default")
    async with asyncio.timeout(15):
        await watching
    assert seen == [("ADDED", "a"), ("DELETED", "a")]


async def test_the_dynamic_client_applies_server_side(api: Any) -> None:
    def work() -> Any:
        dynamic = kubernetes.dynamic.DynamicClient(api)
        resource = dynamic.resources.get(api_version="v1", kind="ConfigMap")
        body = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "a", "namespace": "default"},
            "data": {"k": "v"},
        }
        return resource.server_side_apply(body=body, field_manager="test", namespace="default")

    applied = await asyncio.to_thread(work)
    assert applied.metadata.managedFields[0].operation == "Apply"
