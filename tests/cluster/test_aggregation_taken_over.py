"""Group versions that this server could answer, given to another by APIServices, and taken back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from grappe.testing.cluster import TestCluster, running_cluster
from tests.cluster.api_requests import ask
from tests.cluster.https_servers import Asked, HttpsServer, http, https_server
from tests.cluster.test_aggregation import AGGREGATED, API_SERVICES, MERGE, expose

APPS = "/apis/apps/v1"
DEPLOYMENTS = f"{APPS}/namespaces/default/deployments"
LABEL = "kube-aggregator.kubernetes.io/automanaged"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


async def other(asked: Asked) -> bytes:
    """Knows one resource in each group version, and answers everything with its path."""
    path, _, _ = asked.path.partition("?")
    if path.count("/") == 3:
        gadget = {"name": "gadgets", "kind": "Gadget", "namespaced": True, "verbs": ["list"]}
        group_version = path.removeprefix("/apis/")
        return http(
            200,
            {"kind": "APIResourceList", "groupVersion": group_version, "resources": [gadget]},
        )
    if path.startswith("/openapi"):
        return http(404, {})
    return http(200, {"kind": "Answer", "path": path, "method": asked.method})


@pytest.fixture
async def server(cluster: TestCluster, tmp_path: Path) -> AsyncIterator[HttpsServer]:
    async with https_server(tmp_path, other) as running:
        await expose(cluster, running.port)
        yield running


def remote_spec(server: HttpsServer) -> dict[str, Any]:
    where = {"namespace": "default", "name": "extension", "port": 7443}
    return {"service": where, "caBundle": server.bundle}


async def until_available(cluster: TestCluster, name: str, reason: str) -> None:
    async with asyncio.timeout(30):
        while True:
            found = await ask(cluster, "GET", f"{API_SERVICES}/{name}")
            if found.status == 200:
                conditions = (found.body.get("status") or {}).get("conditions") or [{}]
                if conditions[0].get("reason") == reason:
                    return
            await asyncio.sleep(0.01)


async def change(cluster: TestCluster, name: str, patch: dict[str, Any]) -> None:
    changed = await ask(cluster, "PATCH", f"{API_SERVICES}/{name}", patch, MERGE)
    assert changed.status == 200, changed.body


async def test_a_built_in_group_version_is_given_away_and_taken_back(
    cluster: TestCluster, server: HttpsServer
) -> None:
    listed = (await ask(cluster, "GET", DEPLOYMENTS)).body
    assert listed["kind"] == "DeploymentList"
    await change(cluster, "v1.apps", {"spec": remote_spec(server)})
    await until_available(cluster, "v1.apps", "Passed")
    answer = (await ask(cluster, "GET", DEPLOYMENTS)).body
    assert answer == {"kind": "Answer", "path": DEPLOYMENTS, "method": "GET"}
    made = (await ask(cluster, "POST", DEPLOYMENTS, {"metadata": {"name": "x"}})).body
    assert made["method"] == "POST"
    resources = (await ask(cluster, "GET", APPS)).body["resources"]
    assert [r["name"] for r in resources] == ["gadgets"]
    whole = (await ask(cluster, "GET", "/apis", None, {"accept": AGGREGATED})).body
    (apps,) = (i for i in whole["items"] if i["metadata"].get("name") == "apps")
    assert [[r["resource"] for r in v["resources"]] for v in apps["versions"]] == [["gadgets"]]
    paths = (await ask(cluster, "GET", "/openapi/v2")).body["paths"]
    assert not any(path.startswith(f"{APPS}/") for path in paths)
    assert any(path.startswith("/apis/batch/v1/") for path in paths)
    assert "apis/apps/v1" not in (await ask(cluster, "GET", "/openapi/v3")).body["paths"]
    # Nothing else has moved.
    pods = (await ask(cluster, "GET", "/api/v1/namespaces/default/pods")).body
    assert pods["kind"] == "PodList"

    await change(cluster, "v1.apps", {"spec": {"service": None, "caBundle": None}})
    await until_available(cluster, "v1.apps", "Local")
    assert (await ask(cluster, "GET", DEPLOYMENTS)).body["kind"] == "DeploymentList"
    resources = (await ask(cluster, "GET", APPS)).body["resources"]
    assert "deployments" in {r["name"] for r in resources}


async def test_the_preferred_version_stays_so_whoever_answers_it(
    cluster: TestCluster, server: HttpsServer
) -> None:
    before = (await ask(cluster, "GET", "/apis/autoscaling")).body
    await change(cluster, "v2.autoscaling", {"spec": remote_spec(server)})
    await until_available(cluster, "v2.autoscaling", "Passed")
    assert (await ask(cluster, "GET", "/apis/autoscaling")).body == before


async def test_the_legacy_group_can_be_given_away_but_not_api_services_themselves(
    cluster: TestCluster, server: HttpsServer
) -> None:
    await change(cluster, "v1.", {"spec": remote_spec(server)})
    pods = "/api/v1/namespaces/default/pods"
    async with asyncio.timeout(30):
        while (await ask(cluster, "GET", pods)).body.get("kind") == "PodList":
            await asyncio.sleep(0.01)
    # Services are at the other server now, so that nobody can be found there any more.
    own = {
        "metadata": {"name": "v1.apiregistration.k8s.io"},
        "spec": {
            "group": "apiregistration.k8s.io",
            "version": "v1",
            "groupPriorityMinimum": 1,
            "versionPriority": 1,
            **remote_spec(server),
        },
    }
    assert (await ask(cluster, "POST", API_SERVICES, own)).status == 201
    assert (await ask(cluster, "GET", f"{API_SERVICES}/v1.")).status == 200
    await change(cluster, "v1.", {"spec": {"service": None, "caBundle": None}})
    async with asyncio.timeout(30):
        while (await ask(cluster, "GET", pods)).body.get("kind") != "PodList":
            await asyncio.sleep(0.01)


async def test_a_custom_group_version_goes_with_the_label(
    cluster: TestCluster, server: HttpsServer
) -> None:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "things", "kind": "Thing"}
    spec = {"group": "example.com", "scope": "Namespaced", "names": names, "versions": [version]}
    await ask(cluster, "POST", CRDS, {"metadata": {"name": "things.example.com"}, "spec": spec})
    await until_available(cluster, "v1.example.com", "Local")
    things = "/apis/example.com/v1/namespaces/default/things"

    await change(cluster, "v1.example.com", {"spec": remote_spec(server)})
    async with asyncio.timeout(30):  # it is kept as it should be
        while (
            "service" in (await ask(cluster, "GET", f"{API_SERVICES}/v1.example.com")).body["spec"]
        ):
            await asyncio.sleep(0.01)
    assert (await ask(cluster, "GET", things)).body["kind"] == "ThingList"

    free = {"metadata": {"labels": {LABEL: None}}, "spec": remote_spec(server)}
    await change(cluster, "v1.example.com", free)
    await until_available(cluster, "v1.example.com", "Passed")
    assert (await ask(cluster, "GET", things)).body["kind"] == "Answer"
    await ask(cluster, "DELETE", f"{API_SERVICES}/v1.example.com")
    await until_available(cluster, "v1.example.com", "Local")
    assert (await ask(cluster, "GET", things)).body["kind"] == "ThingList"


async def test_after_a_start_built_in_ones_are_back_unless_the_label_is_gone(
    tmp_path: Path,
) -> None:
    nowhere = {"service": {"namespace": "default", "name": "nobody", "port": 1}}
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    async with running_cluster(data_dir=tmp_path) as cluster:
        await change(cluster, "v1.apps", {"spec": nowhere})
        free = {"metadata": {"labels": {LABEL: None}}, "spec": nowhere}
        await change(cluster, "v1.batch", free)
        for path in (DEPLOYMENTS, jobs):
            async with asyncio.timeout(30):
                while (await ask(cluster, "GET", path)).status != 503:
                    await asyncio.sleep(0.01)
        await cluster.api.stop()
        await cluster.api.start()
        assert (await ask(cluster, "GET", DEPLOYMENTS)).body["kind"] == "DeploymentList"
        assert (await ask(cluster, "GET", jobs)).status == 503
        kept = (await ask(cluster, "GET", f"{API_SERVICES}/v1.batch")).body
        assert kept["spec"]["service"]["name"] == "nobody"
