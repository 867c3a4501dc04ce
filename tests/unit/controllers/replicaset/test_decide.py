from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.controllers.pods import is_active
from grappe.controllers.replicaset.decide import Failure, World, decide, status

from ..factories import NOW, at, pod, replicaset


def names(pods: Any) -> list[str]:
    return [p["metadata"]["name"] for p in pods]


def test_missing_pods_are_created() -> None:
    rs = replicaset(replicas=3)
    plan = decide(World(rs, (pod("a", owner=rs),)), NOW)
    assert (plan.create, plan.delete) == (2, ())


def test_finished_and_terminating_pods_do_not_count() -> None:
    rs = replicaset(replicas=1)
    pods = (pod("a", owner=rs, phase="Failed"), pod("b", owner=rs, deleting=True))
    assert decide(World(rs, pods), NOW).create == 1


def test_orphans_that_match_are_adopted_instead_of_new_ones_made() -> None:
    rs = replicaset(replicas=2)
    plan = decide(World(rs, (pod("a"), pod("b", labels={"app": "z"}))), NOW)
    assert names(plan.claim.adopt) == ["a"]
    assert plan.create == 1


def test_a_pod_whose_labels_no_longer_match_is_released_and_replaced() -> None:
    rs = replicaset(replicas=1)
    plan = decide(World(rs, (pod("a", owner=rs, labels={}),)), NOW)
    assert names(plan.claim.release) == ["a"]
    assert plan.create == 1


def test_pods_of_another_owner_are_left_alone() -> None:
    rs, other = replicaset("web"), replicaset("other")
    plan = decide(World(rs, (pod("a", owner=other),)), NOW)
    assert plan.create == 1
    assert not plan.claim.adopt
    assert not plan.claim.release


def test_a_replicaset_that_is_being_deleted_does_nothing() -> None:
    rs = replicaset(replicas=3, metadata={"deletionTimestamp": at(0)})
    plan = decide(World(rs, (pod("a"), pod("b", owner=rs, labels={}))), NOW)
    assert (plan.create, plan.delete) == (0, ())
    assert not plan.claim.adopt
    assert not plan.claim.release


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (pod("x"), pod("y", nodeName="n")),
        (pod("x", nodeName="n", phase="Pending"), pod("y", nodeName="n")),
        (pod("x", nodeName="n"), pod("y", nodeName="n", ready=True)),
        (
            pod("x", ready=True, annotations={"controller.kubernetes.io/pod-deletion-cost": "-1"}),
            pod("y", ready=True),
        ),
        (pod("x", ready=-5.0), pod("y", ready=-5000.0)),
        (pod("x", ready=True, restarts=3), pod("y", ready=True)),
        (pod("x", ready=True, created=-5), pod("y", ready=True, created=-5000)),
    ],
    ids=["unassigned", "pending", "unready", "cheap", "ready later", "restarted", "newer"],
)
def test_which_pod_goes_first(first: dict[str, Any], last: dict[str, Any]) -> None:
    rs = replicaset(replicas=1)
    owned = [
        {
            **p,
            "metadata": {
                **p["metadata"],
                "ownerReferences": pod(owner=rs)["metadata"]["ownerReferences"],
            },
        }
        for p in (last, first)
    ]
    assert names(decide(World(rs, tuple(owned)), NOW).delete) == ["x"]


def test_the_pod_on_the_more_crowded_node_goes_first() -> None:
    rs = replicaset(replicas=1)
    mine = (pod("x", owner=rs, nodeName="n1"), pod("y", owner=rs, nodeName="n2"))
    sister = pod("z", nodeName="n2")
    assert names(decide(World(rs, mine, (*mine, sister)), NOW).delete) == ["y"]


def test_status_counts() -> None:
    rs = replicaset(replicas=3, spec={"minReadySeconds": 60})
    owned = [
        pod("a", owner=rs, ready=-100.0),
        pod("b", owner=rs, ready=-50.0),
        pod("c", owner=rs, labels={}),
        pod("d", owner=rs, deleting=True),
        pod("e", owner=rs, phase="Succeeded"),
    ]
    found, next_at = status(rs, owned, None, NOW)
    assert found == {
        "replicas": 3,
        "fullyLabeledReplicas": 2,
        "readyReplicas": 2,
        "availableReplicas": 1,
        "terminatingReplicas": 1,
        "observedGeneration": 1,
    }
    assert next_at == NOW + 10


def test_a_failure_is_a_condition_until_it_is_over() -> None:
    rs = replicaset()
    found, _ = status(rs, [], Failure("FailedCreate", "quota"), NOW)
    condition = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": "quota",
        "lastTransitionTime": at(0),
    }
    assert found["conditions"] == [condition]
    again, _ = status({**rs, "status": found}, [], None, NOW)
    assert "conditions" not in again


phases = st.sampled_from(["Pending", "Running", "Succeeded", "Failed"])


@st.composite
def worlds(draw: st.DrawFn) -> World:
    rs = replicaset(replicas=draw(st.integers(0, 6)))
    other = replicaset("other")
    pods = tuple(
        pod(
            f"p{number}",
            owner=draw(st.sampled_from([rs, rs, rs, other, None])),
            labels=draw(st.sampled_from([{"app": "a"}, {"app": "a"}, {}])),
            phase=draw(phases),
            ready=draw(st.booleans()),
            deleting=draw(st.booleans()),
            created=draw(st.floats(-1e5, 0)),
        )
        for number in range(draw(st.integers(0, 8)))
    )
    return World(rs, pods)


def after(world: World, now: float) -> World:
    """The world once the plan has been carried out."""
    plan = decide(world, now)
    rs = world.replicaset
    gone = {p["metadata"]["uid"] for p in (*plan.delete, *plan.claim.release)}
    adopted = {p["metadata"]["uid"] for p in plan.claim.adopt}
    kept = [
        pod(p["metadata"]["name"], owner=rs) if p["metadata"]["uid"] in adopted else p
        for p in world.pods
        if p["metadata"]["uid"] not in gone
    ]
    new = [pod(f"new{number}", owner=rs) for number in range(plan.create)]
    return World(rs, (*kept, *new))


@given(worlds())
def test_one_step_reaches_the_goal_and_the_next_does_nothing(world: World) -> None:
    done = after(world, NOW)
    uid = world.replicaset["metadata"]["uid"]
    mine = [
        p
        for p in done.pods
        if any(r["uid"] == uid for r in p["metadata"].get("ownerReferences", ())) and is_active(p)
    ]
    assert len(mine) == world.replicaset["spec"]["replicas"]
    plan = decide(done, NOW)
    assert (plan.create, plan.delete) == (0, ())
    assert not plan.claim.adopt
    assert not plan.claim.release


@given(worlds())
def test_only_its_own_active_pods_are_deleted_and_never_while_creating(world: World) -> None:
    plan = decide(world, NOW)
    assert not (plan.create and plan.delete)
    allowed = {p["metadata"]["uid"] for p in (*plan.claim.owned, *plan.claim.adopt) if is_active(p)}
    assert {p["metadata"]["uid"] for p in plan.delete} <= allowed
