"""What conformance asks of Events ([sig-instrumentation]), in both of their groups."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from grappe.apiserver.server import STORE_INDEXES
from grappe.base.clock import ManualClock, rfc3339
from grappe.store.sqlite import SqliteStore
from grappe.testing.cluster import TestCluster, running_cluster
from tests.cluster.api_requests import ask
from tests.unit.store.test_upgrade import write_format_1

CORE = "/api/v1"
EVENTS = "/apis/events.k8s.io/v1"
STARTED = "2026-01-01T00:00:00.000000Z"


def event(root: str, name: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"testevent": "true"}}
    about = {"kind": "Pod", "name": "a", "namespace": "default"}
    if root == CORE:
        return {
            "kind": "Event",
            "apiVersion": "v1",
            "metadata": metadata,
            "involvedObject": about,
            "message": "first",
            "reason": "Test",
            "type": "Normal",
        }
    return {
        "kind": "Event",
        "apiVersion": "events.k8s.io/v1",
        "metadata": metadata,
        "regarding": about,
        "note": "first",
        "reason": "Test",
        "action": "Do",
        "type": "Normal",
        "eventTime": STARTED,
        "reportingController": "test",
        "reportingInstance": "test-1",
    }


@pytest.mark.parametrize("root", [CORE, EVENTS], ids=["core", "events.k8s.io"])
async def test_an_event_is_created_listed_patched_replaced_and_deleted(
    cluster: TestCluster, root: str
) -> None:
    path = f"{root}/namespaces/default/events"
    # events.k8s.io lets nobody change what an event says.
    told, second = ("message", "second") if root == CORE else ("metadata", {"labels": {"b": "c"}})
    assert (await ask(cluster, "POST", path, event(root, "a"))).status == 201
    everywhere = await ask(cluster, "GET", f"{root}/events", labelSelector="testevent=true")
    assert [item["metadata"]["name"] for item in everywhere.body["items"]] == ["a"]
    patch = {"content-type": "application/merge-patch+json"}
    patched = await ask(cluster, "PATCH", f"{path}/a", {told: second}, patch)
    assert patched.status == 200
    live = (await ask(cluster, "GET", f"{path}/a")).body
    assert live["metadata"]["labels"]["b"] == "c" if root == EVENTS else live[told] == second
    if root == EVENTS:
        refused = await ask(cluster, "PATCH", f"{path}/a", {"note": "second"}, patch)
        assert refused.status == 422
    live["series"] = {"count": 2, "lastObservedTime": STARTED}
    replaced = await ask(cluster, "PUT", f"{path}/a", live)
    assert replaced.status == 200
    assert replaced.body["series"]["count"] == 2
    assert (await ask(cluster, "DELETE", f"{path}/a")).status == 200
    assert (await ask(cluster, "GET", path)).body["items"] == []


@pytest.mark.parametrize("root", [CORE, EVENTS], ids=["core", "events.k8s.io"])
async def test_a_collection_of_events_is_deleted_by_its_label(
    cluster: TestCluster, root: str
) -> None:
    path = f"{root}/namespaces/default/events"
    for name in ("a", "b", "c"):
        assert (await ask(cluster, "POST", path, event(root, name))).status == 201
    other = event(root, "d")
    del other["metadata"]["labels"]
    assert (await ask(cluster, "POST", path, other)).status == 201
    assert (await ask(cluster, "DELETE", path, labelSelector="testevent=true")).status == 200
    left = (await ask(cluster, "GET", path)).body["items"]
    assert [item["metadata"]["name"] for item in left] == ["d"]


async def test_events_of_a_first_release_are_read_and_those_of_the_past_go(
    tmp_path: Path,
) -> None:
    clock = ManualClock()

    def stored(name: str, age: float) -> tuple[str, str, bytes]:
        said = event(CORE, name)
        said["metadata"] |= {
            "namespace": "default",
            "creationTimestamp": rfc3339(clock.now() - age),
            "resourceVersion": "1",
        }
        del said["kind"], said["apiVersion"]
        return "/events", f"default/{name}", orjson.dumps(said)[1:]

    path = tmp_path / "state.db"
    write_format_1(path, [stored("old", 7200), stored("young", 600)])
    store = SqliteStore.open(path, STORE_INDEXES)
    # Its pods are none of Kubernetes': nobody here asks for them.
    async with running_cluster(store=store, clock=clock) as cluster:
        url = f"{CORE}/namespaces/default/events"
        while (await ask(cluster, "GET", f"{url}/old")).status != 404:
            await asyncio.sleep(0.01)
        young = await ask(cluster, "GET", f"{url}/young")
        assert young.body["message"] == "first"
    await store.close()
