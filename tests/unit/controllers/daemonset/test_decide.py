from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.controllers.daemonset.decide import Plan, World, decide, limits
from grappe.controllers.daemonset.nodes import make_pod, target

from ..factories import NOW, at, pod, template

Object = dict[str, Any]


def daemonset(**more: Any) -> Object:
    spec: Object = {
        "selector": {"matchLabels": {"app": "a"}},
        "template": template(),
        "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1}},
    }
    spec.update(more)
    return {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "log", "namespace": "default", "uid": "uid-log", "generation": 1},
        "spec": spec,
        "status": {},
    }


def node(name: str, *taints: Object, **labels: str) -> Object:
    return {"metadata": {"name": name, "labels": labels}, "spec": {"taints": list(taints)}}


def on(ds: Object, where: str, revision: str = "r1", name: str = "", **kwargs: Any) -> Object:
    labels = {"app": "a", "controller-revision-hash": revision}
    return pod(name or f"log-{where}", owner=ds, labels=labels, nodeName=where, **kwargs)


def plan(ds: Object, nodes: list[Object], pods: list[Object], revision: str = "r1") -> Plan:
    return decide(World(ds, nodes, pods, revision), NOW)


def names(pods: Any) -> list[str]:
    return [p["metadata"]["name"] for p in pods]


@pytest.mark.parametrize(
    ("key", "effect", "runs"),
    [
        ("node.kubernetes.io/not-ready", "NoExecute", True),
        ("node.kubernetes.io/unschedulable", "NoSchedule", True),
        ("dedicated", "NoSchedule", False),
        ("dedicated", "PreferNoSchedule", True),
    ],
)
def test_taints(key: str, effect: str, runs: bool) -> None:
    found = plan(daemonset(), [node("n", {"key": key, "effect": effect})], [])
    assert found.create == (("n",) if runs else ())


def test_the_node_selector_chooses() -> None:
    ds = daemonset()
    ds["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "ssd"}
    assert plan(ds, [node("a", disk="ssd"), node("b")], []).create == ("a",)


def test_a_no_schedule_taint_keeps_a_pod_that_is_there_and_no_execute_does_not() -> None:
    ds = daemonset()
    soft = node("a", {"key": "k", "effect": "NoSchedule"})
    hard = node("b", {"key": "k", "effect": "NoExecute"})
    found = plan(ds, [soft, hard], [on(ds, "a"), on(ds, "b")])
    assert names(found.delete) == ["log-b"]
    assert found.status["numberMisscheduled"] == 2


def test_failed_and_superfluous_pods_are_removed() -> None:
    ds = daemonset()
    pods = [
        on(ds, "a", phase="Failed"),
        on(ds, "b", name="old", created=-50),
        on(ds, "b", name="young", created=-5),
    ]
    found = plan(ds, [node("a"), node("b")], pods)
    assert names(found.delete) == ["log-a", "young"]
    assert names(found.failed) == ["log-a"]


def test_status() -> None:
    ds = daemonset()
    found = plan(ds, [node("a"), node("b"), node("c")], [on(ds, "a", ready=True), on(ds, "b")])
    assert found.status == {
        "currentNumberScheduled": 2,
        "numberMisscheduled": 0,
        "desiredNumberScheduled": 3,
        "numberReady": 1,
        "observedGeneration": 1,
        "updatedNumberScheduled": 2,
        "numberAvailable": 1,
        "numberUnavailable": 2,
    }


def test_a_pod_knows_its_node_before_it_is_bound() -> None:
    made = make_pod(daemonset(), "a", "r1")
    assert target(made) == "a"
    assert made["metadata"]["labels"]["controller-revision-hash"] == "r1"
    assert any(t["key"] == "node.kubernetes.io/disk-pressure" for t in made["spec"]["tolerations"])


@pytest.mark.parametrize(
    ("rolling", "expected"),
    [
        ({}, (0, 1)),
        ({"maxUnavailable": "30%"}, (0, 3)),
        ({"maxSurge": 2, "maxUnavailable": 0}, (2, 0)),
        ({"maxSurge": 0, "maxUnavailable": 0}, (0, 1)),
    ],
)
def test_limits(rolling: Object, expected: tuple[int, int]) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    assert limits(daemonset(updateStrategy=strategy), 10) == expected


def test_on_delete_waits_for_people() -> None:
    ds = daemonset(updateStrategy={"type": "OnDelete"})
    assert not plan(ds, [node("a")], [on(ds, "a", ready=True)], "r2").delete


@settings(max_examples=200, deadline=None)
@given(
    st.integers(1, 6),
    st.integers(0, 3),
    st.integers(0, 3),
    st.lists(st.tuples(st.sampled_from(["step", "ready", "reap"]), st.integers(0, 9)), max_size=60),
)
def test_an_update_keeps_its_limits_and_ends(
    count: int, surge: int, unavailable: int, moves: list[tuple[str, int]]
) -> None:
    rolling = {"maxSurge": surge, "maxUnavailable": 0 if surge else unavailable}
    ds = daemonset(updateStrategy={"type": "RollingUpdate", "rollingUpdate": rolling})
    nodes = [node(f"n{i}") for i in range(count)]
    pods = {f"log-n{i}": on(ds, f"n{i}", ready=True) for i in range(count)}
    most_surge, most_down = limits(ds, count)
    made = 0

    def step() -> Plan:
        nonlocal made
        found = plan(ds, nodes, [*pods.values()], "r2")
        for where in found.create:
            made += 1
            pods[f"new{made}"] = on(ds, where, "r2", f"new{made}", phase="Pending")
        for gone in found.delete:
            name = gone["metadata"]["name"]
            meta = {**gone["metadata"], "deletionTimestamp": at(0)}
            pods[name] = {**gone, "metadata": meta}
        return found

    def ready(number: int) -> None:
        waiting = [n for n, p in pods.items() if p["status"]["phase"] == "Pending"]
        if waiting:
            name = waiting[number % len(waiting)]
            pods[name] = on(ds, pods[name]["spec"]["nodeName"], "r2", name, ready=True)

    def reap() -> None:
        for name in [n for n, p in pods.items() if p["metadata"].get("deletionTimestamp")]:
            del pods[name]

    def serving() -> set[str]:
        return {
            p["spec"]["nodeName"]
            for p in pods.values()
            if p["status"]["conditions"] and not p["metadata"].get("deletionTimestamp")
        }

    for kind, number in moves:
        {"step": step, "ready": lambda number=number: ready(number), "reap": reap}[kind]()
        assert len(serving()) >= count - most_down
        staying = [p for p in pods.values() if not p["metadata"].get("deletionTimestamp")]
        assert len(staying) <= count + most_surge
    for _ in range(40):
        step()
        reap()
        for number in range(10):
            ready(number)
    assert len(pods) == count
    assert {p["metadata"]["labels"]["controller-revision-hash"] for p in pods.values()} == {"r2"}
    assert not step().delete
