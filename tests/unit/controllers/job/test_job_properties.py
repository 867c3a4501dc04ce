"""Whatever ends when, and wherever the controller is killed: every pod is counted once."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from grappe.controllers.job.indexes import parse

from ..factories import job
from .model import Model
from .moves import move, moves


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 4), st.integers(0, 6), moves)
@example(1, 1, [("step", 2), ("delete", 0), ("step", 1), ("succeed", 0)])
def test_a_job_ends_with_exactly_its_completions_counted(
    parallelism: int, completions: int, done: list[tuple[str, int]]
) -> None:
    model = Model(job(parallelism=parallelism, completions=completions, backoffLimit=10_000))
    for kind, number in done:
        move(model, kind, number)
        assert len(model.running()) <= parallelism + sum(
            bool(p["metadata"].get("deletionTimestamp")) for p in model.pods.values()
        )
    model.job = {**model.job, "spec": {**model.job["spec"], "parallelism": max(parallelism, 1)}}
    model.settle()
    status = model.job["status"]
    assert model.condition("Complete").get("status") == "True"
    assert status.get("succeeded", 0) == len(model.succeeded)
    assert status.get("succeeded", 0) >= completions
    assert status["uncountedTerminatedPods"] == {}
    assert not any(p["metadata"].get("finalizers") for p in model.pods.values())
    assert not model.running()


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 4), st.integers(1, 6), moves)
def test_an_indexed_job_completes_every_index(
    parallelism: int, completions: int, done: list[tuple[str, int]]
) -> None:
    model = Model(
        job(
            parallelism=parallelism,
            completions=completions,
            completionMode="Indexed",
            backoffLimit=10_000,
        )
    )
    for kind, number in done:
        move(model, kind, number)
        busy = [
            i
            for uid in model.running()
            if not model.pods[uid]["metadata"].get("deletionTimestamp")
            for i in [model.pods[uid]["metadata"]["annotations"]]
        ]
        assert len(busy) == len({str(b) for b in busy})
    model.settle()
    status = model.job["status"]
    assert model.condition("Complete").get("status") == "True"
    assert parse(status["completedIndexes"], completions) == set(range(completions))
    assert status["succeeded"] == completions


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 5), st.integers(1, 3), moves)
def test_a_job_never_fails_before_its_limit_and_always_after(
    limit: int, parallelism: int, done: list[tuple[str, int]]
) -> None:
    model = Model(job(parallelism=parallelism, completions=50, backoffLimit=limit))
    for kind, number in done:
        move(model, kind, number)
        if model.condition("FailureTarget"):
            counted = model.job["status"]
            failed = counted.get("failed", 0) + len(
                counted["uncountedTerminatedPods"].get("failed", ())
            )
            assert failed > limit
    model.settle("Failed")
    assert model.condition("Failed")["reason"] == "BackoffLimitExceeded"
    assert not model.running()


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 4), st.integers(1, 6), moves)
def test_a_step_repeated_at_once_changes_nothing_more(
    parallelism: int, completions: int, done: list[tuple[str, int]]
) -> None:
    model = Model(job(parallelism=parallelism, completions=completions, backoffLimit=10_000))
    for kind, number in done:
        move(model, kind, number)
    for _ in range(6):
        model.step()
    plan = model.plan()
    assert plan.status == model.job["status"]
    assert (plan.create, plan.delete, plan.drop, plan.release) == ((), (), (), ())
