from typing import Any

from grappe.controllers.job.counting import FINALIZER
from grappe.controllers.job.decide import Event, World, decide
from grappe.controllers.job.pods import make_pod

from ..factories import NOW, at, job, pod
from .model import Model

Object = dict[str, Any]


def tracked(name: str, owner: Object, phase: str = "Running", **kwargs: Any) -> Object:
    made = pod(name, owner=owner, phase=phase, **kwargs)
    made["metadata"]["finalizers"] = [FINALIZER]
    return made


def test_as_many_as_parallelism_and_no_more_than_completions() -> None:
    assert len(decide(World(job(parallelism=3, completions=10), ()), NOW).create) == 3
    assert len(decide(World(job(parallelism=3, completions=2), ()), NOW).create) == 2
    assert len(decide(World(job(parallelism=3, completions=None), ()), NOW).create) == 3


def test_a_finished_pod_is_written_down_then_released_then_counted() -> None:
    model = Model(job(completions=2))
    model.step()
    [uid] = model.running()
    model.end(uid, "Succeeded")
    plan = model.step()
    assert plan.status["uncountedTerminatedPods"] == {"succeeded": [uid]}
    assert "succeeded" not in plan.status
    plan = model.step()
    assert plan.status["succeeded"] == 1
    assert plan.status["uncountedTerminatedPods"] == {}


def test_status_while_it_runs() -> None:
    subject = job(parallelism=2, completions=4)
    pods = (tracked("a", subject, ready=True), tracked("b", subject))
    plan = decide(World(subject, pods), NOW)
    assert plan.status == {
        "startTime": at(0),
        "active": 2,
        "ready": 1,
        "terminating": 0,
        "uncountedTerminatedPods": {},
    }


def test_conditions_and_event_of_a_complete_job() -> None:
    model = Model(job())
    model.settle()
    for kind in ("SuccessCriteriaMet", "Complete"):
        found = model.condition(kind)
        assert found["reason"] == "CompletionsReached"
        assert found["message"] == "Reached expected number of succeeded pods"
    assert model.job["status"]["completionTime"]


def test_failures_wait_longer_each_time() -> None:
    model = Model(job())
    waits = []
    for _ in range(4):
        while not model.plan().create:
            plan = model.step()
            if plan.look_again_at is not None and plan.look_again_at > model.now:
                waits.append(plan.look_again_at - model.now)
                model.now = plan.look_again_at
        model.step()
        model.end(model.running()[0], "Failed")
    assert waits == [10, 20, 40]


def test_a_pod_deleted_before_its_time_is_replaced_after_the_wait_though_it_is_gone() -> None:
    model = Model(job())
    model.step()
    [uid] = model.running()
    model.delete(uid)
    plan = model.step()
    assert not plan.create
    assert plan.look_again_at == NOW + 10
    model.kubelet()
    assert not model.pods
    model.now += 9
    assert not model.step().create
    model.now += 1
    assert len(model.step().create) == 1


def test_pods_that_the_job_gave_up_itself_are_no_reason_to_wait() -> None:
    model = Model(job(parallelism=2, completions=4))
    model.step()
    model.job["spec"]["parallelism"] = 1
    model.step()
    model.job["spec"]["parallelism"] = 2
    assert len(model.step().create) == 1


def test_too_many_failures_end_the_job_and_remove_what_still_runs() -> None:
    subject = job(parallelism=2, completions=4, backoffLimit=0)
    pods = (tracked("a", subject, "Failed"), tracked("b", subject))
    plan = decide(World(subject, pods), NOW)
    assert [p["metadata"]["name"] for p in plan.delete] == ["b"]
    assert [c["type"] for c in plan.status["conditions"]] == ["FailureTarget"]
    model = Model(subject)
    model.settle("Failed")
    failed = model.condition("Failed")
    assert failed["reason"] == "BackoffLimitExceeded"
    assert failed["message"] == "Job has reached the specified backoff limit"


def test_restarts_in_place_count_as_failures() -> None:
    subject = job(backoffLimit=2)
    subject["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
    plan = decide(World(subject, (tracked("a", subject, restarts=2),)), NOW)
    assert plan.status["conditions"][0]["reason"] == "BackoffLimitExceeded"


def test_a_job_that_runs_too_long() -> None:
    subject = job(activeDeadlineSeconds=60, status={"startTime": at(-30)})
    plan = decide(World(subject, (tracked("a", subject),)), NOW)
    assert plan.look_again_at == NOW + 30
    late = decide(World(subject, (tracked("a", subject),)), NOW + 30)
    assert late.status["conditions"][0]["reason"] == "DeadlineExceeded"
    assert [p["metadata"]["name"] for p in late.delete] == ["a"]


def test_a_suspended_job_has_no_pods_and_starts_anew_when_resumed() -> None:
    model = Model(job(suspend=True))
    plan = model.step()
    assert not plan.create
    assert "startTime" not in plan.status
    assert plan.events == (Event("Normal", "Suspended", "Job suspended"),)
    model.job["spec"]["suspend"] = False
    plan = model.step()
    assert plan.events == (Event("Normal", "Resumed", "Job resumed"),)
    assert plan.status["startTime"] == at(0)
    assert plan.create
    model.job["spec"]["suspend"] = True
    plan = model.step()
    assert len(plan.drop) == 1


def test_a_smaller_parallelism_removes_pods_without_counting_them() -> None:
    model = Model(job(parallelism=3, completions=9))
    model.step()
    model.job["spec"]["parallelism"] = 1
    plan = model.step()
    assert len(plan.drop) == 2
    assert model.step().status.get("failed") is None


def test_a_pod_of_an_indexed_job_knows_its_index() -> None:
    made = make_pod(job(completionMode="Indexed", completions=3, parallelism=3), 2)
    assert made["metadata"]["generateName"] == "task-2-"
    assert made["metadata"]["annotations"] == {"batch.kubernetes.io/job-completion-index": "2"}
    assert made["metadata"]["labels"]["batch.kubernetes.io/job-completion-index"] == "2"
    assert made["spec"]["hostname"] == "task-2"
    [variable] = made["spec"]["containers"][0]["env"]
    assert variable["name"] == "JOB_COMPLETION_INDEX"
    path = variable["valueFrom"]["fieldRef"]["fieldPath"]
    assert path == "metadata.labels['batch.kubernetes.io/job-completion-index']"


def test_pod_failure_policy() -> None:
    rules = [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
    ]
    subject = job(podFailurePolicy={"rules": rules}, podReplacementPolicy="Failed")
    disrupted = tracked(
        "a",
        subject,
        "Failed",
        status={"conditions": [{"type": "DisruptionTarget", "status": "True"}]},
    )
    plan = decide(World(subject, (disrupted,)), NOW)
    assert plan.status["uncountedTerminatedPods"] == {}
    assert [p["metadata"]["name"] for p in plan.release] == ["a"]
    fatal = tracked(
        "b",
        subject,
        "Failed",
        status={"containerStatuses": [{"name": "c", "state": {"terminated": {"exitCode": 42}}}]},
    )
    plan = decide(World(subject, (fatal,)), NOW)
    assert plan.status["conditions"][0]["reason"] == "PodFailurePolicy"
    assert plan.status["conditions"][0]["message"] == (
        "Container c for pod default/b failed with exit code 42 matching FailJob rule at index 1"
    )


def test_what_still_runs_when_a_job_fails_has_failed_with_it() -> None:
    subject = job(parallelism=2, completions=4, backoffLimit=0, podReplacementPolicy="Failed")
    pods = (tracked("a", subject, "Failed"), tracked("b", subject))
    plan = decide(World(subject, pods), NOW)
    assert plan.status["uncountedTerminatedPods"] == {"failed": ["uid-a", "uid-b"]}
    assert [p["metadata"]["name"] for p in plan.release] == ["a", "b"]


def test_a_pod_written_down_as_failed_is_let_go_although_it_succeeded_after_all() -> None:
    subject = job(status={"uncountedTerminatedPods": {"failed": ["uid-a"]}})
    pods = (tracked("a", subject, "Succeeded", deleting=True),)
    plan = decide(World(subject, pods), NOW)
    assert plan.status["uncountedTerminatedPods"] == {"failed": ["uid-a"]}
    assert [p["metadata"]["name"] for p in plan.release] == ["a"]


def test_pods_of_a_job_that_is_over_are_let_go() -> None:
    over = job(status={"conditions": [{"type": "Complete", "status": "True"}]})
    plan = decide(World(over, (tracked("a", over, "Succeeded"),)), NOW)
    assert [p["metadata"]["name"] for p in plan.release] == ["a"]
    assert not plan.create
