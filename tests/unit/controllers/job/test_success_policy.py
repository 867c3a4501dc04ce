"""successPolicy: a Job that has succeeded before all its indexes have."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.controllers.job.decide import World, decide
from grappe.controllers.job.indexes import spell

from ..factories import NOW, job
from .model import Model

Object = dict[str, Any]


def indexed(*rules: Object, completions: int = 5, completed: str = "", **spec: Any) -> Object:
    return job(
        completionMode="Indexed",
        completions=completions,
        parallelism=2,
        successPolicy={"rules": [*rules]},
        status={"completedIndexes": completed},
        **spec,
    )


def message(subject: Object) -> str:
    """Of the condition that says so; empty when the policy is not met."""
    for condition in decide(World(subject, ()), NOW).status.get("conditions") or ():
        if condition["reason"] == "SuccessPolicy":
            assert condition["type"] == "SuccessCriteriaMet"
            return str(condition["message"])
    return ""


@pytest.mark.parametrize(
    ("rules", "completed", "said"),
    [
        ([{"succeededIndexes": "0,2-3"}], "0,2,3", "Matched rules at index 0"),
        ([{"succeededIndexes": "0,2-3"}], "0,1,2", ""),
        ([{"succeededIndexes": "0,2-3", "succeededCount": 2}], "1,2,3", "Matched rules at index 0"),
        ([{"succeededIndexes": "0,2-3", "succeededCount": 2}], "1,3,4", ""),
        ([{"succeededCount": 2}], "1,4", "Matched rules at index 0"),
        ([{"succeededCount": 3}], "1,4", ""),
        ([{"succeededIndexes": "0"}, {"succeededCount": 1}], "3", "Matched rules at index 1"),
        ([{"succeededCount": 0}], "", ""),
        ([{"succeededIndexes": "x"}], "1", ""),
    ],
)
def test_the_first_rule_that_is_met(rules: list[Object], completed: str, said: str) -> None:
    assert message(indexed(*rules, completed=completed)) == said


def test_what_still_runs_goes_uncounted_and_then_the_job_is_complete() -> None:
    model = Model(indexed({"succeededIndexes": "0"}))
    model.step()
    model.end(model.uid_of(0), "Succeeded")
    plan = model.step()
    assert [c["type"] for c in plan.status["conditions"]] == ["SuccessCriteriaMet"]
    assert [p["metadata"]["labels"] for p in plan.drop]
    assert not plan.create
    model.settle()
    status = model.job["status"]
    assert status["completedIndexes"] == "0"
    assert status["succeeded"] == 1
    assert status.get("failed") is None
    complete = model.condition("Complete")
    assert (complete["reason"], complete["message"]) == (
        "SuccessPolicy",
        "Matched rules at index 0",
    )
    assert status["completionTime"]


def test_a_policy_that_is_met_by_all_says_so_rather_than_completions_reached() -> None:
    assert message(indexed({"succeededCount": 2}, completions=2, completed="0,1"))


def test_failures_come_first() -> None:
    subject = indexed({"succeededCount": 1}, completed="0", backoffLimit=0)
    subject["status"]["failed"] = 1
    plan = decide(World(subject, ()), NOW)
    assert plan.status["conditions"][0]["reason"] == "BackoffLimitExceeded"


@given(
    st.sets(st.integers(0, 30), min_size=1),
    st.sets(st.integers(0, 30), min_size=1),
    st.none() | st.integers(1, 31),
)
def test_a_rule_is_met_by_all_of_its_indexes_or_enough_of_them(
    wanted: set[int], done: set[int], least: int | None
) -> None:
    rule = {"succeededIndexes": spell(wanted)} | (
        {} if least is None else {"succeededCount": least}
    )
    subject = indexed(rule, completions=32, completed=spell(done))
    met = wanted <= done or (least is not None and len(wanted & done) >= least)
    assert bool(message(subject)) == met
