"""A cluster with controllers, a scheduler and nodes whose pods start at once.

The nodes are as little as controllers need to see of one: a pod that is bound becomes Running and
Ready (unless told otherwise) and a pod that is being deleted goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from grappe import controllers, scheduler
from grappe.api.errors import ApiError
from grappe.api.resources import EVENTS, NODES, PODS, Resource
from grappe.base.clock import Clock, rfc3339
from grappe.client.informer import Informer
from grappe.client.rest import RestClient
from grappe.testing.cluster import TestCluster

Object = dict[str, Any]
T = TypeVar("T")

TIMEOUT = 15.0


class Plant:
    """`behave(pod)` says what becomes of a bound pod: Ready, Running, Succeeded, Failed or
    Pending."""

    def __init__(self, client: RestClient, clock: Clock) -> None:
        self.client = client
        self.behave: Callable[[Object], str] = lambda pod: "Ready"
        self.pods = Informer(client, PODS)
        self._clock = clock
        self._changed = asyncio.Event()
        self._addresses = itertools.count(1)
        self._queue: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.pods.add_handler(self._pod_changed)

    def _pod_changed(self, event_type: str, pod: Object, old: Object | None) -> None:
        if event_type != "DELETED":
            self._queue.put_nowait((pod["metadata"]["namespace"], pod["metadata"]["name"]))

    def poke(self) -> None:
        """Look at every pod again, as after `behave` has been changed."""
        for pod in self.pods.list():
            self._pod_changed("MODIFIED", pod, None)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.pods.run())
            while True:
                namespace, name = await self._queue.get()
                pod = self.pods.get(namespace, name)
                if pod is not None and pod["spec"].get("nodeName"):
                    with contextlib.suppress(ApiError):
                        await self._tend(pod)

    async def _tend(self, pod: Object) -> None:
        meta, status = pod["metadata"], pod.get("status") or {}
        if meta.get("deletionTimestamp"):
            await self.client.delete(
                PODS, meta["name"], meta["namespace"], grace_period=0, uid=meta["uid"]
            )
            return
        wanted = self.behave(pod)
        if status.get("phase") in ("Succeeded", "Failed") or wanted == "Pending":
            return
        phase = "Running" if wanted in ("Ready", "Running") else wanted
        ready = "True" if wanted == "Ready" else "False"
        now = rfc3339(self._clock.now())
        known = next((c for c in status.get("conditions") or () if c["type"] == "Ready"), {})
        if status.get("phase") == phase and known.get("status") == ready:
            return
        ip = status.get("podIP") or f"10.244.9.{next(self._addresses) % 250 + 1}"
        await self.client.patch(
            PODS,
            meta["name"],
            {
                "metadata": {"uid": meta["uid"]},
                "status": {
                    "phase": phase,
                    "podIP": ip,
                    "podIPs": [{"ip": ip}],
                    "startTime": status.get("startTime") or now,
                    "conditions": [{"type": "Ready", "status": ready, "lastTransitionTime": now}],
                },
            },
            meta["namespace"],
            patch_type="application/strategic-merge-patch+json",
            subresource="status",
        )


@asynccontextmanager
async def background(*work: Awaitable[None]) -> AsyncIterator[None]:
    """Run coroutines beside a block; what one of them raises fails the block."""
    tasks = [asyncio.ensure_future(w) for w in work]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def add_node(client: RestClient, name: str = "n1", **allocatable: str) -> None:
    await client.create(NODES, {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
    found = {"cpu": "16", "memory": "32Gi", "pods": "110", **allocatable}
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
    status = {"allocatable": found, "capacity": found, "conditions": [ready]}
    await client.patch(NODES, name, {"status": status}, subresource="status")


@asynccontextmanager
async def plant(cluster: TestCluster, *, nodes: int = 1) -> AsyncIterator[Plant]:
    """Everything running, with `nodes` nodes named n1, n2, …"""
    made = Plant(cluster.client, cluster.clock)
    for number in range(nodes):
        await add_node(cluster.client, f"n{number + 1}")
    async with background(
        made.run(),
        controllers.run(cluster.client, cluster.clock, root_ca=lambda: "PEM"),
        scheduler.run(cluster.client, cluster.clock),
    ):

        async def fit() -> bool:
            listed = (await cluster.client.list(NODES)).items
            return not any(node["spec"].get("taints") for node in listed)

        await until(fit)
        yield made


async def until(probe: Callable[[], Awaitable[T | None]], what: str = "") -> T:
    """The first truthy answer of `probe`."""
    async with asyncio.timeout(TIMEOUT):
        while True:
            with contextlib.suppress(ApiError):
                found = await probe()
                if found:
                    return found
            await asyncio.sleep(0.01)


async def gone(
    client: RestClient, resource: Resource, name: str, namespace: str = "default"
) -> bool:
    try:
        await client.get(resource, name, namespace)
    except ApiError as error:
        return error.code == 404
    return False


async def events(client: RestClient, name: str, namespace: str = "default") -> list[str]:
    """`Reason: message` of the events about an object, in order."""
    listed = await client.list(EVENTS, namespace, field_selector=f"involvedObject.name={name}")
    found = sorted(listed.items, key=lambda e: str(e["metadata"]["name"]))
    return [f"{e['reason']}: {e['message']}" for e in found]


def template(image: str = "app:1", **spec: Any) -> Object:
    return {
        "metadata": {"labels": {"app": "web"}},
        "spec": {
            "containers": [{"name": "c", "image": image, **spec.pop("container", {})}],
            **spec,
        },
    }


def deployment(
    name: str = "web", *, replicas: int = 2, image: str = "app:1", **spec: Any
) -> Object:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": template(image),
            **spec,
        },
    }
