"""backoffLimitPerIndex, maxFailedIndexes and the failure policy's FailIndex."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.controllers.job.indexes import parse
from grappe.controllers.job.perindex import failure_annotations
from grappe.controllers.pods import (
    COMPLETION_INDEX,
    INDEX_FAILURES,
    INDEX_IGNORED_FAILURES,
    slim_pod,
)

from ..factories import job, pod
from .model import Model
from .moves import move, moves

Object = dict[str, Any]

FAIL_INDEX = {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [42]}}
IGNORE = {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [7]}}


def indexed(**spec: Any) -> Object:
    return job(
        **{
            "completionMode": "Indexed",
            "parallelism": 4,
            "completions": 4,
            "backoffLimit": 2**31 - 1,
            "backoffLimitPerIndex": 1,
            **spec,
        }
    )


def with_policy(*rules: Object, **spec: Any) -> Object:
    return indexed(podFailurePolicy={"rules": [*rules]}, podReplacementPolicy="Failed", **spec)


def failures(model: Model, index: int) -> str:
    found: str = model.pods[model.uid_of(index)]["metadata"]["annotations"][INDEX_FAILURES]
    return found


def test_a_failed_pod_is_held_until_its_index_has_another_that_counts_on() -> None:
    model = Model(indexed(parallelism=1, completions=1))
    model.step()
    assert failures(model, 0) == "0"
    first = model.uid_of(0)
    model.end(first, "Failed")
    plan = model.step()
    assert not plan.create
    assert not plan.release
    assert plan.status["uncountedTerminatedPods"] == {}
    assert plan.status["failedIndexes"] == ""
    assert plan.look_again_at == model.now + 10
    model.now += 10
    model.step()
    assert failures(model, 0) == "1"
    plan = model.step()
    assert [p["metadata"]["uid"] for p in plan.release] == [first]
    assert plan.status["uncountedTerminatedPods"] == {"failed": [first]}
    model.end(model.uid_of(0), "Failed")
    plan = model.step()
    assert plan.status["failedIndexes"] == "0"


def test_indexes_wait_each_for_itself() -> None:
    model = Model(indexed(parallelism=2, completions=2, backoffLimitPerIndex=5))
    model.step()
    model.end(model.uid_of(0), "Failed")
    model.now += 10
    model.end(model.uid_of(1), "Failed")
    plan = model.step()
    assert plan.create == (0,)
    assert plan.look_again_at == model.now + 10
    model.end(model.uid_of(0), "Failed")  # its second
    plan = model.step()
    assert plan.look_again_at == model.now + 10  # index 1; index 0 waits 20 s
    model.now += 10
    assert model.step().create == (1,)
    model.now += 10
    assert model.step().create == (0,)
    assert [failures(model, i) for i in (0, 1)] == ["2", "1"]


def test_every_index_is_tried_although_some_fail() -> None:
    model = Model(indexed(parallelism=2))
    for _ in range(20):
        model.step()
        for uid in model.running():
            index = int(model.pods[uid]["metadata"]["annotations"][COMPLETION_INDEX])
            model.end(uid, "Failed" if index % 2 else "Succeeded")
        model.now += 601
    model.settle()
    status = model.job["status"]
    assert status["failedIndexes"] == "1,3"
    assert status["completedIndexes"] == "0,2"
    assert (status["failed"], status["succeeded"]) == (4, 2)
    for kind in ("FailureTarget", "Failed"):
        assert model.condition(kind)["reason"] == "FailedIndexes"
        assert model.condition(kind)["message"] == "Job has failed indexes"


def test_more_failed_indexes_than_allowed_end_the_job_and_what_still_runs() -> None:
    model = Model(indexed(parallelism=2, backoffLimitPerIndex=0, maxFailedIndexes=0))
    model.step()
    model.end(model.uid_of(0), "Failed")
    plan = model.step()
    assert [p["metadata"]["annotations"][COMPLETION_INDEX] for p in plan.delete] == ["1"]
    model.settle()
    assert model.job["status"]["failedIndexes"] == "0"
    failed = model.condition("Failed")
    assert failed["reason"] == "MaxFailedIndexesExceeded"
    assert failed["message"] == "Job has exceeded the specified maximal number of failed indexes"


def test_fail_index_fails_an_index_at_once() -> None:
    model = Model(with_policy(FAIL_INDEX, parallelism=2, completions=2, backoffLimitPerIndex=9))
    model.step()
    model.end(model.uid_of(1), "Failed", code=42)
    assert model.step().status["failedIndexes"] == "1"
    model.settle()
    status = model.job["status"]
    assert (status["failedIndexes"], status["completedIndexes"]) == ("1", "0")
    assert (status["failed"], status["succeeded"]) == (1, 1)
    assert model.condition("Failed")["reason"] == "FailedIndexes"


def test_ignored_failures_count_for_the_wait_only() -> None:
    model = Model(with_policy(IGNORE, parallelism=1, completions=1, backoffLimitPerIndex=0))
    model.step()
    for wait in (10, 20):
        model.end(model.uid_of(0), "Failed", code=7)
        assert model.step().look_again_at == model.now + wait
        model.now += wait
        model.step()
    known = model.pods[model.uid_of(0)]["metadata"]["annotations"]
    assert (known[INDEX_FAILURES], known[INDEX_IGNORED_FAILURES]) == ("0", "2")
    model.end(model.uid_of(0), "Succeeded")
    model.settle()
    assert model.condition("Complete")["reason"] == "CompletionsReached"
    assert model.job["status"].get("failed") is None
    assert model.job["status"]["failedIndexes"] == ""


def test_the_limit_of_the_whole_job_still_holds() -> None:
    model = Model(indexed(backoffLimit=1, backoffLimitPerIndex=5))
    model.step()
    for index in (0, 1):
        model.end(model.uid_of(index), "Failed")
    model.step()
    assert model.condition("FailureTarget")["reason"] == "BackoffLimitExceeded"


def test_an_index_that_failed_stays_so_and_is_given_no_other_pod() -> None:
    subject = indexed(parallelism=4, completions=4, status={"failedIndexes": "1,2"})
    model = Model(subject)
    assert model.step().create == (0, 3)


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "99999999999", "٣", str(2**31)])
def test_a_count_that_kubernetes_did_not_write_is_none(text: str) -> None:
    replaced = pod(annotations={INDEX_FAILURES: text})
    assert failure_annotations(indexed(), replaced) == {INDEX_FAILURES: "1"}


def test_no_annotation_without_a_limit_per_index() -> None:
    assert failure_annotations(indexed(backoffLimitPerIndex=None), None) == {}


def test_the_counts_stay_in_what_controllers_remember_of_a_pod() -> None:
    known = {INDEX_FAILURES: "3", INDEX_IGNORED_FAILURES: "1", COMPLETION_INDEX: "0"}
    assert slim_pod(pod(annotations={**known, "other": "x"}))["metadata"]["annotations"] == known


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 4), st.integers(1, 5), st.integers(0, 2), moves)
def test_an_index_has_its_failures_and_no_more_wherever_the_controller_is_killed(
    parallelism: int, completions: int, limit: int, done: list[tuple[str, int]]
) -> None:
    spec = {"parallelism": parallelism, "completions": completions}
    model = Model(indexed(backoffLimitPerIndex=limit, **spec))
    for kind, number in done:
        move(model, kind, number)
        for uid in model.running():
            known = model.pods[uid]["metadata"]["annotations"]
            assert int(known[INDEX_FAILURES]) <= limit
    model.settle("Failed")
    status = model.job["status"]
    failed = parse(status["failedIndexes"], completions)
    completed = parse(status.get("completedIndexes", ""), completions)
    assert not failed & completed
    assert failed | completed == set(range(completions))
    assert model.condition("Failed" if failed else "Complete").get("status") == "True"
    assert status.get("failed", 0) >= (limit + 1) * len(failed)
    assert status["uncountedTerminatedPods"] == {}
    assert not any(p["metadata"].get("finalizers") for p in model.pods.values())
