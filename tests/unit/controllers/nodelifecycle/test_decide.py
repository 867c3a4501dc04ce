from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.controllers.nodelifecycle.decide import GRACE, World, decide, taints
from grappe.controllers.tainteviction import leaves_in

from ..factories import NOW, at

Object = dict[str, Any]


def node(ready: str | None = "True", *listed: Object, **spec: Any) -> Object:
    conditions = [{"type": "Ready", "status": ready}] if ready else []
    return {
        "metadata": {"name": "n", "creationTimestamp": at(-1000)},
        "spec": spec,
        "status": {"conditions": [*conditions, *listed]},
    }


def names(listed: list[Object] | None) -> set[tuple[str, str]]:
    return {(t["key"].partition("/")[2] or t["key"], t["effect"]) for t in listed or ()}


def test_a_node_that_reports_is_left_alone_until_it_would_be_silent() -> None:
    plan = decide(World(node(), 10, True), NOW)
    assert (plan.conditions, plan.taints, plan.lost) == (None, None, False)
    assert plan.look_again_in == GRACE - 10


def test_a_silent_node_is_unknown_and_unreachable() -> None:
    plan = decide(World(node(), GRACE, True), NOW)
    assert plan.lost
    assert {c["status"] for c in plan.conditions or ()} == {"Unknown"}
    reasons = {c["type"]: c["reason"] for c in plan.conditions or ()}
    assert reasons["Ready"] == "NodeStatusUnknown"
    assert reasons["DiskPressure"] == "NodeStatusNeverUpdated"
    assert names(plan.taints) == {("unreachable", "NoSchedule"), ("unreachable", "NoExecute")}


def test_a_node_that_has_been_marked_is_not_marked_again() -> None:
    first = decide(World(node(), GRACE, True), NOW)
    marked = {**node(None), "spec": {"taints": first.taints}}
    marked["status"] = {"conditions": first.conditions}
    again = decide(World(marked, GRACE, True), NOW + 5)
    assert (again.conditions, again.taints, again.lost) == (None, None, False)


def test_nobody_is_evicted_when_all_are_silent() -> None:
    silent = decide(World(node(), GRACE, False), NOW)
    assert names(silent.taints) == {("unreachable", "NoSchedule")}
    plan = decide(World(node("False"), 0, False), NOW)
    assert names(plan.taints) == {("not-ready", "NoSchedule")}


@pytest.mark.parametrize(
    ("kind", "status", "taint"),
    [
        ("MemoryPressure", "True", "memory-pressure"),
        ("DiskPressure", "True", "disk-pressure"),
        ("PIDPressure", "True", "pid-pressure"),
        ("NetworkUnavailable", "True", "network-unavailable"),
    ],
)
def test_pressure(kind: str, status: str, taint: str) -> None:
    pressed = node("True", {"type": kind, "status": status})
    assert names(decide(World(pressed, 0, True), NOW).taints) == {(taint, "NoSchedule")}


foreign = st.lists(
    st.builds(
        lambda key, effect: {"key": key, "effect": effect},
        st.sampled_from(["dedicated", "gpu", "example.com/x"]),
        st.sampled_from(["NoSchedule", "NoExecute"]),
    ),
    max_size=3,
)
ours = st.lists(
    st.builds(
        lambda key, effect: {"key": f"node.kubernetes.io/{key}", "effect": effect},
        st.sampled_from(["not-ready", "unreachable", "disk-pressure", "unschedulable"]),
        st.sampled_from(["NoSchedule", "NoExecute"]),
    ),
    max_size=4,
)


@given(foreign, ours, st.sampled_from(["True", "False", "Unknown"]), st.booleans(), st.booleans())
def test_other_taints_are_never_touched_and_ours_follow_from_conditions(
    others: list[Object], stale: list[Object], ready: str, cordoned: bool, others_ready: bool
) -> None:
    subject = node(ready, taints=[*others, *stale], unschedulable=cordoned)
    found = taints(subject, subject["status"]["conditions"], others_ready, NOW)
    assert [t for t in found if not t["key"].startswith("node.kubernetes.io/")] == others
    clean = node(ready, taints=[*others], unschedulable=cordoned)
    assert names(found) == names(taints(clean, clean["status"]["conditions"], others_ready, NOW))
    settled = node(ready, taints=found, unschedulable=cordoned)
    assert taints(settled, settled["status"]["conditions"], others_ready, NOW + 9) == found


UNREACHABLE: Object = {"key": "node.kubernetes.io/unreachable", "effect": "NoExecute"}


@pytest.mark.parametrize(
    ("tolerations", "expected"),
    [
        ([], 0),
        ([{"operator": "Exists"}], None),
        ([{"operator": "Exists", "tolerationSeconds": 300}], 200),
        ([{"operator": "Exists", "tolerationSeconds": 0}], -100),
        ([{"operator": "Exists"}, {"operator": "Exists", "tolerationSeconds": 10}], -90),
        ([{"key": "other", "operator": "Exists"}], 0),
    ],
)
def test_when_a_pod_must_leave(tolerations: list[Object], expected: float | None) -> None:
    assert leaves_in(tolerations, [(UNREACHABLE, 100.0)]) == expected


def test_a_taint_that_does_not_execute_evicts_nobody() -> None:
    assert leaves_in([], [({**UNREACHABLE, "effect": "NoSchedule"}, 100.0)]) is None
