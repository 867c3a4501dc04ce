"""Jobs from end to end within the process."""

from __future__ import annotations

from typing import Any

from grappe.api.resources import JOBS, PODS
from grappe.client.rest import RestClient
from grappe.controllers.job.counting import FINALIZER
from grappe.testing.cluster import TestCluster

from .plant import events, gone, plant, until

Object = dict[str, Any]


def job(**spec: Any) -> Object:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "task", "namespace": "default"},
        "spec": {
            "template": {
                "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}
            },
            **spec,
        },
    }


async def over(client: RestClient, kind: str) -> Object | None:
    """The Job, once it is Complete or Failed."""
    found = await client.get(JOBS, "task", "default")
    for condition in (found.get("status") or {}).get("conditions") or ():
        if condition["type"] == kind and condition["status"] == "True":
            return found
    return None


async def test_a_job_runs_to_completion_and_its_pods_are_let_go(cluster: TestCluster) -> None:
    async with plant(cluster) as made:
        made.behave = lambda pod: "Succeeded"
        await cluster.client.create(JOBS, job(completions=5, parallelism=2))
        found = await until(lambda: over(cluster.client, "Complete"))
        assert found["status"]["succeeded"] == 5
        assert "failed" not in found["status"]
        assert found["status"]["completionTime"]
        pods = (await cluster.client.list(PODS, "default")).items
        assert len(pods) == 5
        assert not any(p["metadata"].get("finalizers") for p in pods)

        async def told() -> list[str]:
            found = await events(cluster.client, "task")
            return found if found[-1] == "Completed: Job completed" else []

        assert sum(e.startswith("SuccessfulCreate") for e in await until(told)) == 5


async def test_an_indexed_job_runs_each_index_once(cluster: TestCluster) -> None:
    async with plant(cluster) as made:
        made.behave = lambda pod: "Succeeded"
        subject = job(completions=4, parallelism=4, completionMode="Indexed")
        await cluster.client.create(JOBS, subject)
        found = await until(lambda: over(cluster.client, "Complete"))
        assert found["status"]["completedIndexes"] == "0-3"
        pods = (await cluster.client.list(PODS, "default")).items
        assert sorted(p["spec"]["hostname"] for p in pods) == [f"task-{i}" for i in range(4)]


async def test_a_job_that_fails_too_often(cluster: TestCluster) -> None:
    async with plant(cluster) as made:
        made.behave = lambda pod: "Failed"
        await cluster.client.create(JOBS, job(backoffLimit=0))
        found = await until(lambda: over(cluster.client, "Failed"))
        assert found["status"]["failed"] == 1
        [reason] = {c["reason"] for c in found["status"]["conditions"]}
        assert reason == "BackoffLimitExceeded"


async def test_a_suspended_job_waits(cluster: TestCluster) -> None:
    async with plant(cluster) as made:
        made.behave = lambda pod: "Succeeded"
        await cluster.client.create(JOBS, job(suspend=True))

        async def suspended() -> bool:
            found = await cluster.client.get(JOBS, "task", "default")
            listed = (found.get("status") or {}).get("conditions") or ()
            return any(c["type"] == "Suspended" and c["status"] == "True" for c in listed)

        await until(suspended)
        assert not (await cluster.client.list(PODS, "default")).items
        await cluster.client.patch(JOBS, "task", {"spec": {"suspend": False}}, "default")
        await until(lambda: over(cluster.client, "Complete"))


async def test_deleting_a_job_takes_its_pods_finalizers_and_all(cluster: TestCluster) -> None:
    async with plant(cluster):
        await cluster.client.create(JOBS, job(parallelism=2, completions=2))

        async def running() -> bool:
            found = await cluster.client.get(JOBS, "task", "default")
            return (found.get("status") or {}).get("active") == 2

        await until(running)
        await cluster.client.delete(JOBS, "task", "default", propagation="Background")

        async def empty() -> bool:
            return not (await cluster.client.list(PODS, "default")).items

        await until(empty)


async def test_a_pod_taken_from_a_job_is_held_no_more_and_one_given_back_is(
    cluster: TestCluster,
) -> None:
    async with plant(cluster):
        await cluster.client.create(JOBS, job())

        async def pods(wanted: int) -> list[Object] | None:
            found = (await cluster.client.list(PODS, "default")).items
            return found if len(found) == wanted else None

        [pod] = await until(lambda: pods(1))
        name = pod["metadata"]["name"]
        orphaned = {"metadata": {"ownerReferences": None, "finalizers": None}}
        await cluster.client.patch(PODS, name, orphaned, "default")

        async def held(yes: bool) -> bool:
            meta = (await cluster.client.get(PODS, name, "default"))["metadata"]
            return ["ownerReferences" in meta, FINALIZER in meta.get("finalizers", ())] == [yes] * 2

        await until(lambda: held(True))
        labels = dict.fromkeys(pod["metadata"]["labels"])
        await cluster.client.patch(PODS, name, {"metadata": {"labels": labels}}, "default")
        await until(lambda: held(False))
        await until(lambda: pods(2))


async def test_a_pod_that_nothing_ties_to_a_job_is_held_no_more(cluster: TestCluster) -> None:
    async with plant(cluster):
        container = {"name": "c", "image": "x"}
        for name, labels in (("a", {}), ("b", {"batch.kubernetes.io/job-name": "gone"})):
            meta = {"name": name, "labels": labels, "finalizers": [FINALIZER]}
            subject = {"metadata": meta, "spec": {"containers": [container]}}
            await cluster.client.create(PODS, subject, "default")

        async def free() -> bool:
            found = (await cluster.client.list(PODS, "default")).items
            return not any(pod["metadata"].get("finalizers") for pod in found)

        await until(free)


async def test_a_finished_job_goes_after_its_time(cluster: TestCluster) -> None:
    async with plant(cluster) as made:
        made.behave = lambda pod: "Succeeded"
        await cluster.client.create(JOBS, job(ttlSecondsAfterFinished=1))
        await until(lambda: gone(cluster.client, JOBS, "task"))


def index_of(pod: Object) -> int:
    return int(pod["metadata"]["annotations"]["batch.kubernetes.io/job-completion-index"])


def odd_fail(pod: Object) -> str:
    return "Failed" if index_of(pod) % 2 else "Succeeded"


async def test_each_index_fails_by_itself(cluster: TestCluster) -> None:
    async with plant(cluster) as made:
        made.behave = odd_fail
        subject = job(
            completions=4, parallelism=2, completionMode="Indexed", backoffLimitPerIndex=0
        )
        await cluster.client.create(JOBS, subject)
        found = await until(lambda: over(cluster.client, "Failed"))
        status = found["status"]
        assert (status["failedIndexes"], status["completedIndexes"]) == ("1,3", "0,2")
        assert (status["failed"], status["succeeded"]) == (2, 2)
        assert [(c["type"], c["reason"]) for c in status["conditions"]] == [
            ("FailureTarget", "FailedIndexes"),
            ("Failed", "FailedIndexes"),
        ]
        pods = (await cluster.client.list(PODS, "default")).items
        assert not any(p["metadata"].get("finalizers") for p in pods)


async def test_the_count_of_failures_goes_on_with_the_next_pod_of_an_index(
    cluster: TestCluster,
) -> None:
    count = "batch.kubernetes.io/job-index-failure-count"
    async with plant(cluster) as made:
        made.behave = lambda pod: "Failed"
        subject = job(completions=1, completionMode="Indexed", backoffLimitPerIndex=1)
        await cluster.client.create(JOBS, subject)
        found = await until(lambda: over(cluster.client, "Failed"))  # 10 s between the two
        assert found["status"]["failedIndexes"] == "0"
        assert found["status"]["failed"] == 2
        pods = (await cluster.client.list(PODS, "default")).items
        assert sorted(p["metadata"]["annotations"][count] for p in pods) == ["0", "1"]


async def test_too_many_failed_indexes_end_the_job(cluster: TestCluster) -> None:
    async with plant(cluster) as made:
        made.behave = lambda pod: "Failed" if index_of(pod) == 0 else "Running"
        subject = job(
            completions=4,
            parallelism=2,
            completionMode="Indexed",
            backoffLimitPerIndex=0,
            maxFailedIndexes=0,
        )
        await cluster.client.create(JOBS, subject)
        found = await until(lambda: over(cluster.client, "Failed"))
        assert found["status"]["failedIndexes"] == "0"
        [reason] = {c["reason"] for c in found["status"]["conditions"]}
        assert reason == "MaxFailedIndexesExceeded"

        async def alone() -> bool:
            pods = (await cluster.client.list(PODS, "default")).items
            return [index_of(p) for p in pods] == [0]

        await until(alone)


async def test_fail_index_does_not_try_again(cluster: TestCluster) -> None:
    unready = {"type": "Ready", "status": "False"}
    async with plant(cluster) as made:
        made.behave = odd_fail
        subject = job(
            completions=2,
            parallelism=2,
            completionMode="Indexed",
            backoffLimitPerIndex=9,
            podFailurePolicy={"rules": [{"action": "FailIndex", "onPodConditions": [unready]}]},
        )
        await cluster.client.create(JOBS, subject)
        found = await until(lambda: over(cluster.client, "Failed"))
        status = found["status"]
        assert (status["failedIndexes"], status["completedIndexes"]) == ("1", "0")
        assert (status["failed"], status["succeeded"]) == (1, 1)


async def test_a_success_policy_that_is_met_completes_the_job(cluster: TestCluster) -> None:
    async with plant(cluster) as made:
        made.behave = lambda pod: "Succeeded" if index_of(pod) == 0 else "Running"
        subject = job(
            completions=5,
            parallelism=2,
            completionMode="Indexed",
            successPolicy={"rules": [{"succeededIndexes": "0"}]},
        )
        await cluster.client.create(JOBS, subject)
        found = await until(lambda: over(cluster.client, "Complete"))
        status = found["status"]
        assert status["completedIndexes"] == "0"
        assert "failed" not in status
        assert "active" not in status
        assert (status["ready"], status["terminating"]) == (0, 0)
        assert [(c["type"], c["reason"], c["message"]) for c in status["conditions"]] == [
            (kind, "SuccessPolicy", "Matched rules at index 0")
            for kind in ("SuccessCriteriaMet", "Complete")
        ]


async def test_an_elastic_job_is_made_smaller(cluster: TestCluster) -> None:
    async with plant(cluster) as made:
        made.behave = lambda pod: "Running" if index_of(pod) == 3 else "Succeeded"
        subject = job(completions=4, parallelism=4, completionMode="Indexed")
        await cluster.client.create(JOBS, subject)

        async def most() -> bool:
            found = await cluster.client.get(JOBS, "task", "default")
            return (found.get("status") or {}).get("completedIndexes") == "0-2"

        await until(most)
        smaller = {"spec": {"completions": 2, "parallelism": 2}}
        await cluster.client.patch(JOBS, "task", smaller, "default")
        found = await until(lambda: over(cluster.client, "Complete"))
        assert (found["status"]["completedIndexes"], found["status"]["succeeded"]) == ("0,1", 2)


async def test_a_suspended_job_with_nothing_to_do_is_complete(cluster: TestCluster) -> None:
    async with plant(cluster):
        await cluster.client.create(JOBS, job(suspend=True, completions=0))
        found = await until(lambda: over(cluster.client, "Complete"))
        assert "startTime" not in found["status"]
