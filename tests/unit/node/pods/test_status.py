"""Pod status as the kubelet writes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api import Object
from grappe.node.pods.report import difference
from grappe.node.pods.snapshot import Snapshot, Stop
from grappe.node.pods.status import pod_status

from .worlds import NOW, pod, sandbox, snapshot, snapshots, status


def made(snap: Snapshot, *, over: bool = False, initialized: bool = True, **more: object) -> Object:
    facts: dict[str, object] = {
        "runtime": "containerd",
        "host_ip": "192.0.2.1",
        "waiting": {},
        "messages": {},
        "initialized": initialized,
        "over": over,
        "start_time": "2026-01-01T00:00:00Z",
        **more,
    }
    return pod_status(snap, **facts)  # type: ignore[arg-type]


def condition(status_: Object, kind: str) -> Object:
    return next(c for c in status_["conditions"] if c["type"] == kind)


@given(snapshots(), st.booleans())
def test_any_world_has_a_status_and_writing_it_twice_writes_nothing(
    snap: Snapshot, over: bool
) -> None:
    first = made(snap, over=over)
    assert first["phase"] in ("Pending", "Running", "Succeeded", "Failed")
    assert difference(first, first) == {}


@given(snapshots())
def test_a_pod_is_ready_only_while_all_its_containers_are(snap: Snapshot) -> None:
    found = made(snap)
    if condition(found, "Ready")["status"] == "True":
        assert all(c["ready"] for c in found["containerStatuses"])
        assert found["phase"] == "Running"


@given(snapshots())
def test_no_phase_is_final_before_everything_has_ended(snap: Snapshot) -> None:
    assert made(snap, over=False)["phase"] in ("Pending", "Running")


def test_a_new_pod_is_creating_its_containers() -> None:
    found = made(snapshot(pod(), sandboxes=()))
    assert found["phase"] == "Pending"
    assert found["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    assert condition(found, "PodReadyToStartContainers")["status"] == "False"
    assert "podIP" not in found


def test_a_pod_with_init_containers_is_initializing() -> None:
    found = made(snapshot(pod(init=("once",))), initialized=False)
    assert found["containerStatuses"][0]["state"] == {"waiting": {"reason": "PodInitializing"}}
    told = condition(found, "Initialized")
    assert (told["reason"], told["message"]) == (
        "ContainersNotInitialized",
        "containers with incomplete status: [i0]",
    )


def test_a_running_pod() -> None:
    found = made(snapshot(pod(), {"c0": (status("c0"),)}))
    assert found["phase"] == "Running"
    assert found["podIPs"] == [{"ip": "10.0.0.1"}]
    assert found["containerStatuses"][0]["containerID"] == "containerd://c0-0"
    assert condition(found, "Ready")["observedGeneration"] == 1


def test_an_ended_pod_keeps_its_address() -> None:
    of = pod(policy="Never")
    of["status"] = {"podIPs": [{"ip": "10.0.0.7"}]}
    ended = {"c0": (status("c0", "exited"),)}
    found = made(snapshot(of, ended, sandboxes=(sandbox(ready=False),)), over=True)
    assert found["podIP"] == "10.0.0.7"


def test_a_crashing_container_shows_its_last_end() -> None:
    ended = status("c0", "exited", code=3, attempt=1)
    waiting = {"c0": ("CrashLoopBackOff", "back-off 10s")}
    found = made(snapshot(pod(), {"c0": (ended,)}), waiting=waiting)["containerStatuses"][0]
    assert found["state"]["waiting"]["reason"] == "CrashLoopBackOff"
    assert found["lastState"]["terminated"]["exitCode"] == 3
    assert (found["restartCount"], found["ready"], found["started"]) == (1, False, False)


@pytest.mark.parametrize(
    ("policy", "code", "phase"),
    [("Never", 0, "Succeeded"), ("Never", 2, "Failed"), ("OnFailure", 0, "Succeeded")],
)
def test_the_end_of_a_pod(policy: str, code: int, phase: str) -> None:
    ended = status("c0", "exited", code=code)
    found = made(snapshot(pod(policy=policy), {"c0": (ended,)}), over=True)
    assert found["phase"] == phase
    reason = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}[phase]
    assert condition(found, "Ready")["reason"] == reason


def test_a_pod_ended_by_the_node_fails_with_its_reason() -> None:
    stop = Stop("DeadlineExceeded", "too long", "Failed")
    ended = status("c0", "exited", code=143)
    found = made(snapshot(pod(), {"c0": (ended,)}, stop=stop), over=True)
    assert (found["phase"], found["reason"], found["message"]) == (
        "Failed",
        "DeadlineExceeded",
        "too long",
    )


def test_a_condition_keeps_the_time_of_its_last_change() -> None:
    of = pod()
    first = made(snapshot(of, {"c0": (status("c0"),)}))
    of = {**of, "status": first}
    later = made(snapshot(of, {"c0": (status("c0"),)}, now=NOW + 60))
    assert later["conditions"] == first["conditions"]
    stopped = made(snapshot(of, {"c0": (status("c0", "exited", code=1),)}, now=NOW + 60))
    before, after = (condition(s, "Ready") for s in (first, stopped))
    assert before["lastTransitionTime"] != after["lastTransitionTime"]


def test_an_open_readiness_gate_holds_the_pod_back() -> None:
    of = pod(readinessGates=[{"conditionType": "example.com/ok"}])
    found = made(snapshot(of, {"c0": (status("c0"),)}))
    assert condition(found, "Ready")["reason"] == "ReadinessGatesNotReady"
    assert condition(found, "ContainersReady")["status"] == "True"


def test_others_conditions_are_not_part_of_the_patch() -> None:
    known = {"conditions": [{"type": "example.com/ok", "status": "True"}], "phase": "Pending"}
    patch = difference(known, {"phase": "Running", "conditions": []})
    assert patch == {"phase": "Running"}


def test_addresses_are_replaced_and_not_merged() -> None:
    patch = difference({"podIPs": [{"ip": "10.0.0.1"}]}, {"podIPs": [{"ip": "10.0.0.2"}]})
    assert patch == {"podIPs": [{"$patch": "replace"}, {"ip": "10.0.0.2"}]}
