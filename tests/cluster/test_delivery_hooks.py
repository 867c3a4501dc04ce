"""Hooks of Applications: before, during and after a sync, and when it fails."""

from __future__ import annotations

import pytest

from grappe.api.resources import APPLICATIONS, CONFIG_MAPS, JOBS

from .gitops import config_map, delivering, manifest, text, until


@pytest.fixture
async def gitops(cluster, tmp_path):
    async with delivering(cluster.client, tmp_path) as running:
        yield running


def job(name: str, hook: str, **annotations: str) -> dict:
    spec = {
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "main", "image": "busybox", "command": ["true"]}],
            }
        }
    }
    annotations = {"hook": hook, **{k.replace("_", "-"): v for k, v in annotations.items()}}
    return manifest("Job", name, api_version="batch/v1", annotations=annotations, spec=spec)


async def end(gitops, name: str, condition: str) -> dict:
    """Do what the Job controller does when a Job is over; the Job."""
    found = await until(lambda: gitops.find(JOBS, name))
    now = "2026-01-01T00:00:00Z"
    before = {"Complete": "SuccessCriteriaMet", "Failed": "FailureTarget"}[condition]
    conditions = [
        {"type": kind, "status": "True", "message": f"it is {condition}",
         "lastProbeTime": now, "lastTransitionTime": now}
        for kind in (before, condition)
    ]  # fmt: skip
    status = {"conditions": conditions, "startTime": now, "succeeded": 1}
    if condition == "Complete":
        status["completionTime"] = now
    await gitops.client.patch(
        JOBS, name, {"status": status}, found["metadata"]["namespace"], subresource="status"
    )
    return found


async def test_what_comes_before_and_after_is_waited_for(gitops):
    gitops.repository.commit(
        {"deploy/all.yaml": text(job("before", "PreSync"), config_map("a"),
                                 job("after", "PostSync", hook_delete_policy="HookSucceeded"))}
    )  # fmt: skip
    await gitops.create()
    await gitops.sync()
    status = await gitops.until(phase="Running")

    async def waits():
        state = (await gitops.application())["status"]["operationState"]
        return state["message"] == "waiting for completion of hook batch/Job/before"

    await until(waits)
    assert await gitops.value("a") is None
    await end(gitops, "before", "Complete")
    await end(gitops, "after", "Complete")
    status = await gitops.until("Synced", phase="Succeeded")
    assert await gitops.value("a") == "1"
    assert [r["name"] for r in status["resources"]] == ["a"]
    results = status["operationState"]["syncResult"]["resources"]
    assert [(r["name"], r["syncPhase"], r["hookPhase"]) for r in results] == [
        ("before", "PreSync", "Succeeded"),
        ("a", "Sync", "Succeeded"),
        ("after", "PostSync", "Succeeded"),
    ]
    assert await gitops.find(JOBS, "after") is None
    assert await gitops.find(JOBS, "before") is not None


async def test_a_hook_that_fails_ends_the_sync_and_starts_the_hooks_of_failure(gitops):
    gitops.repository.commit(
        {"deploy/all.yaml": text(job("before", "PreSync"), config_map("a"),
                                 config_map("alarm", annotations={"hook": "SyncFail"}))}
    )  # fmt: skip
    await gitops.create()
    await gitops.sync()
    await end(gitops, "before", "Failed")
    status = await gitops.until("OutOfSync", phase="Failed")
    assert "it is Failed" in status["operationState"]["message"]
    assert await gitops.value("a") is None
    assert await gitops.value("alarm") == "1"


async def test_a_hook_runs_anew_in_the_next_sync(gitops):
    gitops.repository.commit({"deploy/all.yaml": text(job("before", "PreSync"), config_map("a"))})
    await gitops.create()
    await gitops.sync()
    first = await end(gitops, "before", "Complete")
    await gitops.until("Synced", phase="Succeeded")
    await gitops.sync()

    async def another():
        found = await gitops.find(JOBS, "before")
        return found is not None and found["metadata"]["uid"] != first["metadata"]["uid"]

    await until(another)
    await end(gitops, "before", "Complete")
    await gitops.until("Synced", phase="Succeeded")


async def test_an_operation_can_be_terminated(gitops):
    gitops.repository.commit({"deploy/all.yaml": text(job("before", "PreSync"), config_map("a"))})
    await gitops.create()
    await gitops.sync()
    await until(lambda: gitops.find(JOBS, "before"))
    stop = {"status": {"operationState": {"phase": "Terminating"}}}
    await gitops.until(phase="Running")
    await gitops.client.patch(APPLICATIONS, "web", stop, "argocd")
    status = await gitops.until(phase="Failed")
    assert status["operationState"]["message"] == "Operation terminated"
    assert await gitops.find(JOBS, "before") is None
    assert await gitops.value("a") is None


async def test_a_restart_in_the_middle_goes_on_without_running_a_hook_twice(cluster, tmp_path):
    async with delivering(cluster.client, tmp_path) as gitops:
        gitops.repository.commit(
            {"deploy/all.yaml": text(job("before", "PreSync"), config_map("a"))}
        )
        await gitops.create()
        await gitops.sync()
        first = await until(lambda: gitops.find(JOBS, "before"))
        repository = gitops.repository
    (tmp_path / "second").mkdir()
    async with delivering(cluster.client, tmp_path / "second") as gitops:
        gitops.repository = repository
        await gitops.until(phase="Running")
        same = await end(gitops, "before", "Complete")
        assert same["metadata"]["uid"] == first["metadata"]["uid"]
        await gitops.until("Synced", phase="Succeeded")
        assert await gitops.value("a") == "1"


async def test_hooks_are_not_pruned(gitops):
    gitops.repository.commit(
        {"deploy/all.yaml": text(config_map("mark", annotations={"hook": "Sync"}),
                                 config_map("a"))}
    )  # fmt: skip
    await gitops.create(automated={"prune": True, "selfHeal": True})
    status = await gitops.until("Synced", phase="Succeeded")
    assert [r["name"] for r in status["resources"]] == ["a"]
    found = await gitops.client.get(CONFIG_MAPS, "mark", "default")
    second = gitops.repository.commit({"deploy/all.yaml": text(config_map("a", "2"))})
    await gitops.until("Synced", revision=second, phase="Succeeded")
    kept = await gitops.client.get(CONFIG_MAPS, "mark", "default")
    assert kept["metadata"]["uid"] == found["metadata"]["uid"]
