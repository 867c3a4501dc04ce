"""Namespaces: changed, their status, their finalizers, and in what order they end."""

from __future__ import annotations

from typing import Any

from grappe.testing.cluster import TestCluster
from tests.cluster.conformance.conftest import Api
from tests.cluster.plant import plant, until

NAMESPACES = "/api/v1/namespaces"
Object = dict[str, Any]


def namespace(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


async def exists(api: Api, path: str) -> bool:
    return (await api("GET", path)).status == 200


async def test_a_namespace_is_patched_and_updated(api: Api) -> None:
    await api.ok("POST", NAMESPACES, namespace("a"))
    patched = await api.merge(f"{NAMESPACES}/a", {"metadata": {"labels": {"test": "patched"}}})
    assert patched["metadata"]["labels"]["test"] == "patched"
    patched["metadata"]["labels"]["test"] = "updated"
    updated = await api.ok("PUT", f"{NAMESPACES}/a", patched)
    assert updated["metadata"]["labels"] == {"test": "updated", "kubernetes.io/metadata.name": "a"}


async def test_the_status_of_a_namespace(api: Api) -> None:
    made = await api.ok("POST", NAMESPACES, namespace("a"))
    assert made["status"] == {"phase": "Active"}
    path = f"{NAMESPACES}/a/status"
    condition = {"type": "Patched", "status": "True", "reason": "Test", "message": "by a test"}
    patch = {"metadata": {"annotations": {"s": "patched"}}, "status": {"conditions": [condition]}}
    patched = await api.merge(path, patch)
    assert patched["metadata"]["annotations"] == {"s": "patched"}
    patched["status"]["conditions"].append({**condition, "type": "Updated"})
    await api.ok("PUT", path, patched)
    shown = await api.ok("GET", path)
    assert [c["type"] for c in shown["status"]["conditions"]] == ["Patched", "Updated"]


async def test_a_finalizer_is_put_on_and_taken_off(api: Api) -> None:
    made = await api.ok("POST", NAMESPACES, namespace("a"))
    made["spec"]["finalizers"].append("example.com/fake")
    await api.ok("PUT", f"{NAMESPACES}/a/finalize", made)
    live = await api.ok("GET", f"{NAMESPACES}/a")
    assert live["spec"]["finalizers"] == ["kubernetes", "example.com/fake"]
    live["spec"]["finalizers"] = ["kubernetes"]
    await api.ok("PUT", f"{NAMESPACES}/a/finalize", live)
    live = await api.ok("GET", f"{NAMESPACES}/a")
    assert live["spec"]["finalizers"] == ["kubernetes"]


async def test_pods_and_services_go_with_their_namespace_which_may_come_again(
    cluster: TestCluster, api: Api
) -> None:
    async with plant(cluster):
        await api.ok("POST", NAMESPACES, namespace("a"))
        spec = {"containers": [{"name": "c", "image": "i:1"}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec}
        await until(lambda: exists(api, f"{NAMESPACES}/a/serviceaccounts/default"))
        await api.ok("POST", f"{NAMESPACES}/a/pods", pod)
        service = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
        await api.ok("POST", f"{NAMESPACES}/a/services", service)
        await api.ok("DELETE", f"{NAMESPACES}/a")

        async def away() -> bool:
            return (await api("GET", f"{NAMESPACES}/a")).status == 404

        await until(away)
        await api.ok("POST", NAMESPACES, namespace("a"))
        for kind in ("pods", "services"):
            assert (await api.ok("GET", f"{NAMESPACES}/a/{kind}"))["items"] == []


async def test_pods_are_deleted_before_anything_else(cluster: TestCluster, api: Api) -> None:
    async with plant(cluster):
        await api.ok("POST", NAMESPACES, namespace("a"))
        await until(lambda: exists(api, f"{NAMESPACES}/a/serviceaccounts/default"))
        meta = {"name": "p", "finalizers": ["example.com/hold"]}
        spec = {"containers": [{"name": "c", "image": "i:1"}]}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}
        await api.ok("POST", f"{NAMESPACES}/a/pods", pod)
        await api.ok("POST", f"{NAMESPACES}/a/configmaps", {"metadata": {"name": "c"}})
        await api.ok("DELETE", f"{NAMESPACES}/a")

        async def told() -> bool:
            live = await api.ok("GET", f"{NAMESPACES}/a")
            known = {c["type"]: c["status"] for c in live["status"].get("conditions", ())}
            return known.get("NamespaceContentRemaining") == "True"

        await until(told)
        terminating = await api.ok("GET", f"{NAMESPACES}/a/pods/p")
        assert terminating["metadata"]["deletionTimestamp"]
        kept = await api.ok("GET", f"{NAMESPACES}/a/configmaps/c")
        assert "deletionTimestamp" not in kept["metadata"]
        await api.merge(f"{NAMESPACES}/a/pods/p", {"metadata": {"finalizers": None}})

        async def away() -> bool:
            return (await api("GET", f"{NAMESPACES}/a")).status == 404

        await until(away)
