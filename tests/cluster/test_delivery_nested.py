"""Applications of Applications, and of kinds that come and go."""

from __future__ import annotations

import pytest

from grappe.api.resources import APPLICATIONS, CONFIG_MAPS, CUSTOM_RESOURCE_DEFINITIONS, Resource

from .gitops import config_map, delivering, manifest, text, until

AUTOMATED = {"prune": True, "selfHeal": True}
GADGETS = Resource("example.com", "v1", "gadgets", "Gadget")


@pytest.fixture
async def gitops(cluster, tmp_path):
    async with delivering(cluster.client, tmp_path) as running:
        yield running


def child(name: str, repository: str, path: str) -> dict:
    made = manifest(
        "Application",
        name,
        namespace="argocd",
        api_version="argoproj.io/v1alpha1",
        spec={
            "project": "default",
            "source": {"repoURL": repository, "path": path},
            "destination": {"name": "in-cluster", "namespace": "default"},
            "syncPolicy": {"automated": AUTOMATED},
        },
    )
    made["metadata"]["finalizers"] = ["resources-finalizer.argocd.argoproj.io/background"]
    return made


async def test_an_application_delivers_others_and_is_as_healthy_as_they_are(gitops):
    path = str(gitops.repository.path)
    gitops.repository.commit(
        {
            "deploy/one.yaml": text(child("one", path, "one")),
            "deploy/two.yaml": text(child("two", path, "two")),
            "one/a.yaml": text(config_map("a")),
            "two/b.yaml": text(manifest("Service", "b", spec={
                "type": "LoadBalancer",
                "ports": [{"port": 80}],
            })),
        }
    )  # fmt: skip
    await gitops.create("parent", automated=AUTOMATED)
    await gitops.until("Synced", "Healthy", name="one")
    # A load balancer that has no address yet: nobody gives any here.
    await gitops.until("Synced", "Progressing", name="two")

    async def told():
        status = (await gitops.application("parent"))["status"]
        health = {r["name"]: r["health"]["status"] for r in status["resources"]}
        return health == {"one": "Healthy", "two": "Progressing"}

    await until(told)
    await gitops.until("Synced", "Progressing", name="parent")
    gitops.repository.commit({"deploy/two.yaml": None})
    await gitops.until("Synced", "Healthy", name="parent")

    async def gone():
        return await gitops.find(APPLICATIONS, "two", "argocd") is None

    await until(gone)
    assert await gitops.value("a") == "1"


def definition() -> dict:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    return manifest(
        "CustomResourceDefinition",
        "gadgets.example.com",
        api_version="apiextensions.k8s.io/v1",
        spec={
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "gadgets", "singular": "gadget", "kind": "Gadget"},
            "versions": [version],
        },
    )


async def test_a_kind_deleted_by_hand_comes_back_with_its_objects(gitops):
    gadget = manifest("Gadget", "g", api_version="example.com/v1", size=1)
    gitops.repository.commit({"deploy/all.yaml": text(definition(), gadget)})
    quick = {"retry": {"limit": -1, "backoff": {"duration": "1s", "factor": 1}}}
    await gitops.create(automated=AUTOMATED, syncPolicy=quick)
    await gitops.until("Synced", "Healthy", phase="Succeeded")
    before = await gitops.client.get(GADGETS, "g", "default")
    await gitops.client.delete(CUSTOM_RESOURCE_DEFINITIONS, "gadgets.example.com")

    async def back():
        found = await gitops.find(GADGETS, "g")
        return found is not None and found["metadata"]["uid"] != before["metadata"]["uid"]

    await until(back)
    await gitops.until("Synced", "Healthy", phase="Succeeded")


async def test_an_application_may_wait_for_a_kind_of_another(gitops):
    gadget = manifest("Gadget", "g", api_version="example.com/v1", size=1)
    gitops.repository.commit(
        {"deploy/g.yaml": text(gadget), "kinds/gadget.yaml": text(definition())}
    )
    quick = {"retry": {"limit": -1, "backoff": {"duration": "1s", "factor": 1}}}
    await gitops.create(automated=AUTOMATED, syncPolicy=quick)

    async def refused():
        state = ((await gitops.application()).get("status") or {}).get("operationState") or {}
        return 'Make sure the "Gadget" CRD is installed' in state.get("message", "")

    await until(refused)
    await gitops.create("kinds", automated=AUTOMATED, source={"path": "kinds"})
    await gitops.until("Synced", "Healthy", name="kinds")
    await gitops.until("Synced", "Healthy")


async def test_applications_of_other_namespaces_are_delivered_and_marked_by_them(gitops):
    gitops.repository.commit({"deploy/a.yaml": text(config_map("a"))})
    await gitops.create(automated=AUTOMATED, namespace="default")
    await gitops.until("Synced", "Healthy", namespace="default")
    found = await gitops.client.get(CONFIG_MAPS, "a", "default")
    assert found["metadata"]["annotations"] == {
        "argocd.argoproj.io/tracking-id": "default_web:/ConfigMap:default/a"
    }
    await gitops.client.delete(CONFIG_MAPS, "a", "default")
    await until(lambda: gitops.value("a"))
