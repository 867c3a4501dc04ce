from typing import Any

from grappe.controllers.cronjob.decide import World, decide

from ..factories import NOW, at, job

Object = dict[str, Any]


def cronjob(**more: Any) -> Object:
    status = more.pop("status", {})
    spec: Object = {
        "schedule": "* * * * *",
        "jobTemplate": {"metadata": {"labels": {"x": "y"}}, "spec": {"template": {}}},
        **more,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": {
            "name": "tick",
            "namespace": "default",
            "uid": "uid-tick",
            "creationTimestamp": at(-90),
        },
        "spec": spec,
        "status": status,
    }


def running(name: str = "tick-1") -> Object:
    return job(name)


def ended(name: str, kind: str = "Complete", started: float = -50) -> Object:
    conditions = [{"type": kind, "status": "True"}]
    status = {"conditions": conditions, "startTime": at(started), "completionTime": at(started + 9)}
    return job(name, status=status)


def reasons(world: World) -> list[str]:
    return [e.reason for e in decide(world, NOW).events]


def test_a_due_job_is_made_once_and_named_after_its_time() -> None:
    plan = decide(World(cronjob(), []), NOW)
    assert plan.create is not None
    due = int(NOW) // 60 * 60
    assert plan.create["metadata"]["name"] == f"tick-{due // 60}"
    assert plan.create["metadata"]["labels"] == {"x": "y"}
    assert plan.status["lastScheduleTime"] == at(due - NOW)
    assert plan.look_again_at == due + 60
    made = {**plan.create, "metadata": {**plan.create["metadata"], "uid": "uid-made"}}
    assert decide(World(cronjob(status=plan.status), [made]), NOW).create is None
    assert decide(World(cronjob(), [made]), NOW).create is None  # killed before the status


def test_only_the_latest_of_many_missed_times_is_made_up_for() -> None:
    subject = cronjob(status={"lastScheduleTime": at(-86_400 * 3)})
    plan = decide(World(subject, []), NOW)
    assert plan.create is not None
    assert plan.status["lastScheduleTime"] == at(int(NOW) // 60 * 60 - NOW)
    assert [e.reason for e in plan.events] == ["TooManyMissedTimes"]


def test_a_time_missed_by_more_than_the_deadline_is_let_go() -> None:
    subject = cronjob(schedule="0 0 1 1 *", startingDeadlineSeconds=10)
    assert decide(World(subject, []), NOW).create is None


def test_concurrency_policies() -> None:
    allow = decide(World(cronjob(), [running()]), NOW)
    assert allow.create is not None
    assert not allow.replace
    forbid = World(cronjob(concurrencyPolicy="Forbid"), [running()])
    assert decide(forbid, NOW).create is None
    assert reasons(forbid) == ["JobAlreadyActive"]
    replace = decide(World(cronjob(concurrencyPolicy="Replace"), [running()]), NOW)
    assert replace.create is not None
    assert [j["metadata"]["name"] for j in replace.replace] == ["tick-1"]


def test_a_suspended_cronjob_makes_nothing_but_keeps_its_house() -> None:
    jobs = [ended(f"tick-{n}", started=-100 + n) for n in range(5)]
    plan = decide(World(cronjob(suspend=True), jobs), NOW)
    assert plan.create is None
    assert [j["metadata"]["name"] for j in plan.old] == ["tick-0", "tick-1"]


def test_failed_jobs_have_a_limit_of_their_own() -> None:
    jobs = [ended("f1", "Failed", -30), ended("f2", "Failed", -20), ended("s", started=-40)]
    plan = decide(World(cronjob(suspend=True, failedJobsHistoryLimit=1), jobs), NOW)
    assert [j["metadata"]["name"] for j in plan.old] == ["f1"]


def test_active_jobs_and_the_last_success_are_reported() -> None:
    done = ended("tick-1")
    status = {"active": [{"name": "tick-1", "uid": "uid-tick-1"}]}
    plan = decide(World(cronjob(suspend=True, status=status), [done, running("tick-2")]), NOW)
    assert [a["name"] for a in plan.status["active"]] == ["tick-2"]
    assert plan.status["lastSuccessfulTime"] == done["status"]["completionTime"]
    assert [e.message for e in plan.events] == ["Saw completed job: tick-1, condition: Complete"]


def test_a_bad_schedule_is_told() -> None:
    assert reasons(World(cronjob(schedule="every day"), [])) == ["UnparseableSchedule"]
