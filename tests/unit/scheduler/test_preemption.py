from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from grappe.scheduler.act import message
from grappe.scheduler.decide import Placement, Rejected, decide
from grappe.scheduler.nodes import NodeInfo
from grappe.scheduler.pods import PodInfo
from grappe.scheduler.preemption import NoPreemption, Preemption, preempt

from .factories import node, pod, snapshot


def attempt(subject: PodInfo, *nodes: NodeInfo, **kwargs: Any) -> Preemption | NoPreemption:
    found = snapshot(*nodes)
    rejected = decide(subject, found)
    assert isinstance(rejected, Rejected)
    return preempt(subject, found, rejected, **kwargs)


def test_the_least_important_pods_go_and_no_more_than_needed() -> None:
    held = [pod("low", cpu="2", priority=1), pod("mid", cpu="2", priority=5)]
    found = attempt(pod(cpu="1", priority=10), node(cpu="4", holding=held))
    assert isinstance(found, Preemption)
    assert [v.name for v in found.victims] == ["low"]


def test_the_node_with_the_less_important_victims_is_chosen() -> None:
    one = node("one", cpu="1", holding=[pod("x", cpu="1", priority=5)])
    two = node("two", cpu="1", holding=[pod("y", cpu="1", priority=1)])
    found = attempt(pod(cpu="1", priority=10), one, two)
    assert isinstance(found, Preemption)
    assert found.node == "two"


def test_protected_pods_are_spared_where_possible() -> None:
    one = node("one", cpu="1", holding=[pod("x", cpu="1", priority=5)])
    two = node("two", cpu="1", holding=[pod("y", cpu="1", priority=1)])
    found = attempt(pod(cpu="1", priority=10), one, two, protected={"uid-y"})
    assert isinstance(found, Preemption)
    assert found.node == "one"


def test_equals_are_not_preempted() -> None:
    found = attempt(pod(cpu="1"), node(cpu="1", holding=[pod("x", cpu="1")]))
    assert found == NoPreemption(
        "0/1 nodes are available: 1 No preemption victims found for incoming pod."
    )


def test_preemption_policy_never() -> None:
    held = [pod("x", cpu="1")]
    found = attempt(pod(cpu="1", priority=9, preemptionPolicy="Never"), node(cpu="1", holding=held))
    assert found == NoPreemption("not eligible due to preemptionPolicy=Never.")


def test_a_preemptor_waits_for_the_victims_on_its_node() -> None:
    leaving = replace(pod("x", cpu="1"), terminating=True)
    mine = replace(pod(cpu="1", priority=9), nominated_node="n")
    found = attempt(mine, node("n", cpu="1", holding=[leaving]))
    assert isinstance(found, NoPreemption)


def test_the_message_is_kubernetes_own() -> None:
    subject = pod(cpu="8")
    found = snapshot(node("a"), node("b", unschedulable=True))
    rejected = decide(subject, found)
    assert isinstance(rejected, Rejected)
    assert message(rejected, preempt(subject, found, rejected)) == (
        "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable. "
        "no new claims to deallocate, preemption: "
        "0/2 nodes are available: 2 Preemption is not helpful for scheduling."
    )


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 4)), max_size=6),
    st.integers(0, 20),
    st.integers(1, 4),
)
def test_victims_are_less_important_and_make_room(
    held: list[tuple[int, int]], priority: int, cpu: int
) -> None:
    pods = [pod(f"h{i}", cpu=str(c), priority=p) for i, (p, c) in enumerate(held)]
    full = node(cpu="6", holding=pods)
    subject = pod(cpu=str(cpu), priority=priority)
    outcome = decide(subject, snapshot(full))
    if isinstance(outcome, Placement):
        return
    found = preempt(subject, snapshot(full), outcome)
    if isinstance(found, Preemption):
        assert all(v.priority < priority for v in found.victims)
        after = full.without(v.uid for v in found.victims)
        assert isinstance(decide(subject, snapshot(after)), Placement)
        for spared in found.victims:
            tighter = after.with_pod(spared)
            assert isinstance(decide(subject, snapshot(tighter)), Rejected)
