"""The status column of `kubectl get pods`."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.api import printers
from grappe.api.resources import PODS
from grappe.base.clock import parse_rfc3339

NOW = parse_rfc3339("2026-01-01T00:10:00Z")


def pod(status: dict[str, Any], *, deleted: bool = False, **spec: Any) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": "p", "creationTimestamp": "2026-01-01T00:00:00Z"}
    if deleted:
        metadata["deletionTimestamp"] = "2026-01-01T00:09:00Z"
    spec.setdefault("containers", [{"name": "a"}])
    return {"metadata": metadata, "spec": spec, "status": status}


def container(name: str = "a", *, ready: bool = False, restarts: int = 0, last: str = "",
              **state: Any) -> dict[str, Any]:  # fmt: skip
    made: dict[str, Any] = {"name": name, "ready": ready, "restartCount": restarts, "state": state}
    if last:
        made["lastState"] = {"terminated": {"finishedAt": last, "exitCode": 1}}
    return made


RUNNING = {"startedAt": "2026-01-01T00:00:01Z"}
READY = [{"type": "Ready", "status": "True"}]
INIT = {"initContainers": [{"name": "i"}, {"name": "j"}]}
SIDECAR = {"initContainers": [{"name": "s", "restartPolicy": "Always"}]}


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        (pod({"phase": "Pending"}), ["0/1", "Pending", "0"]),
        (
            pod(
                {"phase": "Running", "containerStatuses": [container(ready=True, running=RUNNING)]}
            ),
            ["1/1", "Running", "0"],
        ),
        (
            pod(
                {
                    "phase": "Running",
                    "containerStatuses": [
                        container(
                            restarts=3,
                            last="2026-01-01T00:05:00Z",
                            waiting={"reason": "CrashLoopBackOff"},
                        )
                    ],
                }
            ),
            ["0/1", "CrashLoopBackOff", "3 (5m ago)"],
        ),
        (
            pod(
                {
                    "phase": "Succeeded",
                    "containerStatuses": [
                        container(terminated={"exitCode": 0, "reason": "Completed"})
                    ],
                }
            ),
            ["0/1", "Completed", "0"],
        ),
        (
            pod({"phase": "Failed", "containerStatuses": [container(terminated={"exitCode": 3})]}),
            ["0/1", "ExitCode:3", "0"],
        ),
        (
            pod({"phase": "Failed", "containerStatuses": [container(terminated={"signal": 9})]}),
            ["0/1", "Signal:9", "0"],
        ),
        (pod({"phase": "Running"}, deleted=True), ["0/1", "Terminating", "0"]),
        (pod({"phase": "Succeeded"}, deleted=True), ["0/1", "Succeeded", "0"]),
        (pod({"phase": "Failed", "reason": "Evicted"}), ["0/1", "Evicted", "0"]),
        (
            pod(
                {
                    "phase": "Pending",
                    "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}],
                }
            ),
            ["0/1", "SchedulingGated", "0"],
        ),
        (
            pod(
                {
                    "phase": "Pending",
                    "initContainerStatuses": [
                        container("i", terminated={"exitCode": 0}),
                        container("j", running=RUNNING),
                    ],
                },
                **INIT,
            ),
            ["0/1", "Init:1/2", "0"],
        ),
        (
            pod(
                {
                    "phase": "Pending",
                    "initContainerStatuses": [
                        container("i", restarts=2, terminated={"exitCode": 1, "reason": "Error"})
                    ],
                },
                **INIT,
            ),
            ["0/1", "Init:Error", "2"],
        ),
        (
            pod(
                {
                    "phase": "Running",
                    "initContainerStatuses": [
                        {**container("s", ready=True, running=RUNNING), "started": True}
                    ],
                    "containerStatuses": [container(ready=True, running=RUNNING)],
                },
                **SIDECAR,
            ),
            ["2/2", "Running", "0"],
        ),
        (
            pod(
                {
                    "phase": "Running",
                    "conditions": READY,
                    "containerStatuses": [
                        container("a", terminated={"exitCode": 0, "reason": "Completed"}),
                        container("b", ready=True, running=RUNNING),
                    ],
                },
                containers=[{"name": "a"}, {"name": "b"}],
            ),
            ["1/2", "Running", "0"],
        ),
        (
            pod(
                {
                    "phase": "Running",
                    "conditions": READY,
                    "containerStatuses": [
                        container("a", terminated={"exitCode": 0, "reason": "Completed"}),
                        container("b", terminated={"exitCode": 2, "reason": "Error"}),
                    ],
                },
            ),
            ["0/1", "Error", "0"],
        ),
        (
            pod(
                {
                    "phase": "Running",
                    "containerStatuses": [
                        container("a", terminated={"exitCode": 0, "reason": "Completed"}),
                        container("b", ready=True, running=RUNNING),
                    ],
                },
            ),
            ["1/1", "NotReady", "0"],
        ),
        (
            pod({"phase": "Running", "reason": "NodeLost"}, deleted=True),
            ["0/1", "Unknown", "0"],
        ),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else "",
)
def test_status_in_one_word(obj: dict[str, Any], expected: list[str]) -> None:
    name, ready, status, restarts, age, *_ = printers.cells(PODS, obj, NOW)
    assert [ready, status, restarts] == expected
    assert (name, age) == ("p", "10m")
