"""Applications with workloads, where controllers, a scheduler and nodes do their part."""

from __future__ import annotations

import pytest

from grappe.api.resources import APPLICATIONS, DEPLOYMENTS, JOBS, NAMESPACES, PODS

from .gitops import config_map, delivering, manifest, text, until
from .plant import plant

AUTOMATED = {"prune": True, "selfHeal": True}


@pytest.fixture
async def works(cluster):
    async with plant(cluster) as running:
        yield running


@pytest.fixture
async def gitops(works, cluster, tmp_path):
    async with delivering(cluster.client, tmp_path) as running:
        yield running


def template(image: str, labels: dict | None = None, **more) -> dict:
    spec = {"containers": [{"name": "main", "image": image}], **more}
    return {"metadata": {"labels": labels or {}}, "spec": spec}


def deployment(image: str, replicas: int = 2, **more) -> dict:
    labels = {"app": "web"}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels},
            "template": template(image, labels)}  # fmt: skip
    return manifest("Deployment", "web", api_version="apps/v1", spec=spec, **more)


async def images(gitops) -> set[str]:
    pods = (await gitops.client.list(PODS, "default", label_selector="app=web")).items
    return {p["spec"]["containers"][0]["image"] for p in pods}


async def test_a_rollout_is_followed_from_progressing_to_healthy(works, gitops):
    gitops.repository.commit({"deploy/web.yaml": text(deployment("web:1"))})
    await gitops.create(automated=AUTOMATED)
    status = await gitops.until("Synced", "Healthy")
    assert status["summary"] == {"images": ["web:1"]}
    works.behave = lambda pod: "Running"  # but never ready
    second = gitops.repository.commit({"deploy/web.yaml": text(deployment("web:2"))})
    status = await gitops.until("Synced", "Progressing", revision=second)
    [entry] = status["resources"]
    assert entry["health"]["message"].startswith("Waiting for rollout to finish: ")
    assert "web:1" in await images(gitops)
    works.behave = lambda pod: "Ready"
    works.poke()
    await gitops.until("Synced", "Healthy")

    async def only_new():
        return await images(gitops) == {"web:2"}

    await until(only_new)


async def test_a_deployment_deleted_or_scaled_by_hand_is_healed(gitops):
    gitops.repository.commit({"deploy/web.yaml": text(deployment("web:1"))})
    await gitops.create(automated=AUTOMATED)
    await gitops.until("Synced", "Healthy")
    first = await gitops.client.get(DEPLOYMENTS, "web", "default")
    await gitops.client.delete(DEPLOYMENTS, "web", "default", propagation="Background")

    async def another():
        found = await gitops.find(DEPLOYMENTS, "web")
        return found is not None and found["metadata"]["uid"] != first["metadata"]["uid"]

    await until(another)
    await gitops.until("Synced", "Healthy")
    await gitops.client.patch(DEPLOYMENTS, "web", {"spec": {"replicas": 5}}, "default")

    async def two():
        return (await gitops.client.get(DEPLOYMENTS, "web", "default"))["spec"]["replicas"] == 2

    await until(two)
    await gitops.until("Synced", "Healthy")


async def test_its_replica_sets_are_not_taken_for_its_own(gitops):
    """The mark is copied from a Deployment to its ReplicaSets; they are not to be pruned."""
    replica_set = deployment("other:1")
    replica_set |= {"kind": "ReplicaSet", "metadata": {"name": "other"}}
    replica_set["spec"] = {**replica_set["spec"], "selector": {"matchLabels": {"app": "other"}},
                           "template": template("other:1", {"app": "other"})}  # fmt: skip
    gitops.repository.commit({"deploy/web.yaml": text(deployment("web:1"), replica_set)})
    await gitops.create(automated=AUTOMATED)
    status = await gitops.until("Synced", "Healthy")
    assert [(r["kind"], r["name"]) for r in status["resources"]] == [
        ("ReplicaSet", "other"), ("Deployment", "web"),
    ]  # fmt: skip


async def test_a_wave_waits_for_the_rollout_of_the_one_before(works, gitops):
    works.behave = lambda pod: "Running"
    late = config_map("late", annotations={"sync-wave": "1"})
    gitops.repository.commit({"deploy/all.yaml": text(deployment("web:1"), late)})
    await gitops.create(automated=AUTOMATED)

    async def waits():
        state = ((await gitops.application()).get("status") or {}).get("operationState") or {}
        return state.get("message") == "waiting for healthy state of apps/Deployment/web"

    await until(waits)
    assert await gitops.value("late") is None
    works.behave = lambda pod: "Ready"
    works.poke()
    await gitops.until("Synced", "Healthy", phase="Succeeded")
    assert await gitops.value("late") == "1"


async def test_a_job_before_a_sync_is_really_run(works, gitops):
    works.behave = lambda pod: "Succeeded" if "job-name" in pod["metadata"]["labels"] else "Ready"
    hook = {"hook": "PreSync", "hook-delete-policy": "HookSucceeded"}
    migrate = manifest("Job", "migrate", api_version="batch/v1", annotations=hook,
                       spec={"template": template("db:1", restartPolicy="Never")})  # fmt: skip
    gitops.repository.commit({"deploy/all.yaml": text(migrate, deployment("web:1"))})
    await gitops.create(automated=AUTOMATED)
    status = await gitops.until("Synced", "Healthy", phase="Succeeded")
    results = status["operationState"]["syncResult"]["resources"]
    assert (results[0]["name"], results[0]["hookPhase"]) == ("migrate", "Succeeded")

    async def gone():
        return await gitops.find(JOBS, "migrate") is None

    await until(gone)


async def test_everything_goes_with_the_application_in_the_foreground(gitops):
    gitops.repository.commit(
        {"deploy/all.yaml": text(manifest("Namespace", "shop"),
                                 deployment("web:1", namespace="shop"))}
    )  # fmt: skip
    await gitops.create(
        automated=AUTOMATED, options=(), finalizers=("resources-finalizer.argocd.argoproj.io",)
    )
    await gitops.until("Synced", "Healthy")
    await gitops.client.delete(APPLICATIONS, "web", "argocd")

    async def gone():
        return await gitops.find(APPLICATIONS, "web", "argocd") is None

    await until(gone)
    assert await gitops.find(NAMESPACES, "shop", None) is None
    assert (await gitops.client.list(PODS, "shop")).items == []
