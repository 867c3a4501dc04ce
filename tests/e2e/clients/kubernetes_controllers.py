"""kube-scheduler and kube-controller-manager themselves, at work on an API server of ours.

Compiling them takes half an hour the first time, so the name keeps this module out of `make test`;
`make controllers` names it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from grappe.api.errors import ApiError
from grappe.api.resources import (
    DEPLOYMENTS,
    ENDPOINT_SLICES,
    NAMESPACES,
    NODES,
    PODS,
    SERVICES,
)
from grappe.base.clock import rfc3339
from grappe.testing.cluster import TestCluster, running_cluster
from tests.e2e.clients.go_builds import built

pytestmark = pytest.mark.timeout(3600)

READY = {
    "phase": "Running",
    "conditions": [{"type": "Ready", "status": "True"}],
    "containerStatuses": [
        {
            "name": "main",
            "image": "web",
            "imageID": "web",
            "ready": True,
            "restartCount": 0,
            "state": {"running": {}},
        }
    ],
}


@asynccontextmanager
async def running(program: Path, name: str, kubeconfig: Path, *more: str) -> AsyncIterator[None]:
    at = f"={kubeconfig}"
    where = [f"--{each}kubeconfig{at}" for each in ("", "authentication-", "authorization-")]
    process = await asyncio.create_subprocess_exec(
        program, name, *where, "--secure-port=0", *more,
        stderr=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
        assert process.returncode is None, f"{name} has ended"
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def until(holds: Callable[[], Awaitable[Any]], what: str) -> Any:
    for _ in range(600):
        found = await holds()
        if found:
            return found
        await asyncio.sleep(0.2)
    raise AssertionError(f"never: {what}")


async def beat(cluster: TestCluster) -> None:
    """What a kubelet would report of the node, and of what runs on it."""
    client, now = cluster.client, rfc3339(cluster.clock.now())
    room = {"cpu": "8", "memory": "16Gi", "pods": "110"}
    ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": now, "reason": "KubeletReady"}
    status = {"capacity": room, "allocatable": room, "conditions": [ready]}
    await client.patch(NODES, "one", {"status": status}, subresource="status")
    for number, pod in enumerate((await client.list(PODS)).items, 1):
        metadata = pod["metadata"]
        where = metadata["name"], metadata["namespace"]
        if metadata.get("deletionTimestamp"):
            await client.delete(PODS, *where, grace_period=0)
        elif pod["spec"].get("nodeName") and pod["status"].get("phase") != "Running":
            ip = f"10.244.0.{number}"
            status = {**READY, "podIP": ip, "podIPs": [{"ip": ip}]}
            await client.patch(PODS, where[0], {"status": status}, where[1], subresource="status")


async def test_a_deployment_and_a_namespace_live_and_go(tmp_path: Path) -> None:
    program = built("controllers", "build")
    key = tmp_path / "key.pem"
    made = rsa.generate_private_key(65537, 2048)
    key.write_bytes(
        made.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    )
    async with running_cluster() as cluster:
        kubeconfig = await cluster.serve_https()
        manager = (
            f"--service-account-private-key-file={key}",
            f"--flex-volume-plugin-dir={tmp_path}",
            "--use-service-account-credentials=true",
        )
        async with (
            running(program, "kube-scheduler", kubeconfig),
            running(program, "kube-controller-manager", kubeconfig, *manager),
        ):
            await _walk(cluster)


async def _walk(cluster: TestCluster) -> None:
    client = cluster.client
    await client.create(NODES, {"metadata": {"name": "one"}})
    await beat(cluster)
    await client.create(NAMESPACES, {"metadata": {"name": "shop"}})
    labels = {"app": "web"}
    template = {
        "metadata": {"labels": labels},
        "spec": {
            "containers": [{"name": "main", "image": "web", "ports": [{"containerPort": 80}]}]
        },
    }
    spec = {"replicas": 2, "selector": {"matchLabels": labels}, "template": template}
    web = {"metadata": {"name": "web", "namespace": "shop"}}
    await client.create(DEPLOYMENTS, {**web, "spec": spec})
    await client.create(SERVICES, {**web, "spec": {"selector": labels, "ports": [{"port": 80}]}})

    async def available() -> bool:
        await beat(cluster)
        status = (await client.get(DEPLOYMENTS, "web", "shop")).get("status") or {}
        return status.get("availableReplicas") == 2

    async def endpoints() -> bool:
        found = (await client.list(ENDPOINT_SLICES, "shop")).items
        return sum(len(one.get("endpoints") or ()) for one in found) == 2

    async def gone() -> bool:
        await beat(cluster)
        try:
            await client.get(NAMESPACES, "shop")
        except ApiError as error:
            return error.code == 404
        return False

    await until(available, "two replicas are available")
    assert {p["spec"]["nodeName"] for p in (await client.list(PODS, "shop")).items} == {"one"}
    await until(endpoints, "the service has two endpoints")
    await client.delete(NAMESPACES, "shop")
    await until(gone, "the namespace is gone")
