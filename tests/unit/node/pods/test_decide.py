"""What a pod worker does next."""

from __future__ import annotations

import pytest
from hypothesis import given

from grappe.node.pods import restart, spec
from grappe.node.pods.backoff import BackOff
from grappe.node.pods.decide import decide
from grappe.node.pods.snapshot import Snapshot

from .worlds import NOW, pod, sandbox, snapshot, snapshots, status


def started(snap: Snapshot) -> list[tuple[str, int]]:
    return [(s.declared.name, s.attempt) for s in decide(snap).start]


# -- invariants --------------------------------------------------------------------------------


@given(snapshots())
def test_nothing_that_runs_is_started_and_nothing_is_started_twice(snap: Snapshot) -> None:
    names = [s.declared.name for s in decide(snap).start]
    assert len(names) == len(set(names))
    for name in names:
        newest = snap.newest(name)
        assert newest is None or newest.state != "running" or newest.sandbox_id != snap.current.id  # type: ignore[union-attr]


@given(snapshots())
def test_a_new_instance_never_reuses_the_number_of_one_that_ran(snap: Snapshot) -> None:
    for start in decide(snap).start:
        for old in snap.containers.get(start.declared.name, ()):
            assert start.attempt > old.attempt or old.state == "created"


@given(snapshots())
def test_main_containers_start_only_after_every_init_container(snap: Snapshot) -> None:
    plan = decide(snap)
    if not any(s.declared.kind == "main" for s in plan.start):
        return
    for declared in spec.containers(snap.pod):
        active = snap.active(declared.name)
        if declared.kind != "init" or any(
            snap.active(c.name) for c in spec.containers(snap.pod) if c.kind == "main"
        ):
            continue
        assert active is not None
        if declared.restartable:
            assert active.id in snap.started
        else:
            assert (active.state, active.exit_code) == ("exited", 0)


@given(snapshots())
def test_at_most_one_plain_init_container_starts_at_a_time(snap: Snapshot) -> None:
    plain = [
        s for s in decide(snap).start if s.declared.kind == "init" and not s.declared.restartable
    ]
    assert len(plain) <= 1


@given(snapshots())
def test_containers_start_only_in_a_ready_sandbox(snap: Snapshot) -> None:
    plan = decide(snap)
    if plan.start:
        assert snap.sandboxes[0].ready
        assert plan.create_sandbox is None


@given(snapshots())
def test_a_new_sandbox_has_a_new_number_and_the_old_ones_are_stopped(snap: Snapshot) -> None:
    plan = decide(snap)
    if plan.create_sandbox is not None:
        assert all(s.attempt < plan.create_sandbox for s in snap.sandboxes)
        assert set(plan.stop_sandboxes) == {s.id for s in snap.sandboxes if s.ready}


@given(snapshots())
def test_a_finished_pod_starts_and_kills_nothing(snap: Snapshot) -> None:
    plan = decide(snap)
    if plan.finished:
        assert not plan.start
        assert not plan.kill
        assert plan.create_sandbox is None


@given(snapshots())
def test_a_container_that_may_not_restart_does_not(snap: Snapshot) -> None:
    for start in decide(snap).start:
        status_now = (
            snap.newest(start.declared.name)
            if start.declared.kind == "main"
            else snap.active(start.declared.name)
        )
        assert restart.wanted(snap.pod, start.declared, status_now)


@given(snapshots())
def test_whoever_waits_is_woken_later(snap: Snapshot) -> None:
    plan = decide(snap)
    if plan.waiting and not plan.finished:
        assert plan.wake_at is not None
        assert plan.wake_at > snap.now


# -- single rules --------------------------------------------------------------------------------


def test_a_new_pod_gets_a_sandbox_first() -> None:
    plan = decide(snapshot(pod(), sandboxes=()))
    assert plan.create_sandbox == 0
    assert not plan.start


def test_all_main_containers_start_together() -> None:
    assert started(snapshot(pod(main=2))) == [("c0", 0), ("c1", 0)]


def test_a_running_pod_needs_nothing() -> None:
    plan = decide(snapshot(pod(), {"c0": (status("c0"),)}))
    assert plan.idle
    assert not plan.finished


@pytest.mark.parametrize(
    ("policy", "code", "again"),
    [
        ("Always", 0, True),
        ("Always", 1, True),
        ("OnFailure", 0, False),
        ("OnFailure", 1, True),
        ("Never", 0, False),
        ("Never", 1, False),
    ],
)
def test_the_restart_policy_decides(policy: str, code: int, again: bool) -> None:
    plan = decide(snapshot(pod(policy=policy), {"c0": (status("c0", "exited", code=code),)}))
    assert [s.attempt for s in plan.start] == ([1] if again else [])
    assert plan.finished is not again


def test_a_container_in_back_off_waits_with_the_kubelets_words() -> None:
    backoff = BackOff()
    backoff.next("u1/c0", 0.0, NOW - 5)
    ended = status("c0", "exited", code=1, attempt=1, finished=NOW - 3)
    plan = decide(snapshot(pod(), {"c0": (ended,)}, backoff=backoff))
    assert plan.waiting == {
        "c0": ("CrashLoopBackOff", "back-off 10s restarting failed container=c0 pod=p_ns(u1)")
    }
    assert plan.wake_at == NOW + 7


def test_init_containers_go_one_by_one() -> None:
    of = pod(init=("once", "once"))
    assert started(snapshot(of)) == [("i0", 0)]
    done = {"i0": (status("i0", "exited"),)}
    assert started(snapshot(of, done)) == [("i1", 0)]
    done["i1"] = (status("i1", "exited"),)
    assert started(snapshot(of, done)) == [("c0", 0)]


def test_a_sidecar_has_to_be_started_before_what_follows() -> None:
    of = pod(init=("sidecar",))
    running = {"i0": (status("i0"),)}
    assert started(snapshot(of, running, started=frozenset())) == []
    assert started(snapshot(of, running)) == [("c0", 0)]


def test_init_containers_run_again_in_a_new_sandbox() -> None:
    of = pod(init=("once",))
    old = {"i0": (status("i0", "exited"),), "c0": (status("c0", "exited", code=137),)}
    snap = snapshot(of, old, sandboxes=(sandbox(1), sandbox(0, ready=False)))
    assert started(snap) == [("i0", 1)]


def test_sidecars_end_after_the_main_containers_the_last_first() -> None:
    of = pod(init=("sidecar", "sidecar"), policy="Never")
    seen = {
        "i0": (status("i0"),),
        "i1": (status("i1"),),
        "c0": (status("c0", "exited"),),
    }
    plan = decide(snapshot(of, seen))
    assert [k.status.name for k in plan.kill] == ["i1"]
    assert not plan.finished


def test_a_failed_liveness_probe_kills_and_a_never_pod_does_not_promise_a_restart() -> None:
    for policy, why in (
        ("Always", "Container c0 failed liveness probe, will be restarted"),
        ("Never", "Container c0 failed liveness probe"),
    ):
        snap = snapshot(
            pod(policy=policy), {"c0": (status("c0"),)}, failed_probes={"c0-0": "liveness"}
        )
        assert [k.why for k in decide(snap).kill] == [why]


def test_a_changed_image_replaces_the_container() -> None:
    plan = decide(snapshot(pod(), {"c0": (status("c0", made_from="other"),)}))
    assert [k.why for k in plan.kill] == ["Container c0 definition changed, will be restarted"]


def test_a_container_made_but_never_started_is_made_anew_under_its_number() -> None:
    plan = decide(snapshot(pod(), {"c0": (status("c0", "created"),)}))
    assert plan.stale == ["c0-0"]
    assert [s.attempt for s in plan.start] == [0]


def test_a_container_in_an_unknown_state_is_killed_before_its_restart() -> None:
    plan = decide(snapshot(pod(), {"c0": (status("c0", "unknown"),)}))
    assert [k.status.id for k in plan.kill] == ["c0-0"]
    assert [s.attempt for s in plan.start] == [1]


def test_only_the_last_two_instances_are_kept() -> None:
    instances = tuple(status("c0", "exited", code=1, attempt=n) for n in (3, 2, 1, 0))
    assert decide(snapshot(pod(), {"c0": instances})).stale == ["c0-1", "c0-0"]


def test_restart_rules_restart_a_container_of_a_pod_that_never_does() -> None:
    of = pod(policy="Never")
    of["spec"]["containers"][0]["restartPolicy"] = "Never"
    of["spec"]["containers"][0]["restartPolicyRules"] = [
        {"action": "Restart", "exitCodes": {"operator": "In", "values": [42]}}
    ]
    assert started(snapshot(of, {"c0": (status("c0", "exited", code=42),)})) == [("c0", 1)]
    assert decide(snapshot(of, {"c0": (status("c0", "exited", code=1),)})).finished
