"""Changed resources of running containers."""

from __future__ import annotations

from grappe.api import Object
from grappe.node.pods import resources
from grappe.node.pods.resize import ANNOTATION, remembered, resizes
from grappe.node.pods.snapshot import Snapshot
from grappe.node.runtime.config import Limits

from .worlds import pod, snapshot, status

MEMORY = 1 << 30


def limited(policy: str = "NotRequired", **limits: str) -> Object:
    of = pod()
    of["spec"]["containers"][0].update(
        resources={"limits": limits},
        resizePolicy=[
            {"resourceName": name, "restartPolicy": policy} for name in ("cpu", "memory")
        ],
    )
    return of


def running(of: Object, made_for: Object) -> Snapshot:
    limits = resources.limits(made_for, made_for["spec"]["containers"][0], MEMORY)
    found = status("c0")
    annotations = {**found.annotations, ANNOTATION: remembered(limits)}
    return snapshot(of, {"c0": (found._replace(annotations=annotations),)})


def test_nothing_changes_while_the_spec_does_not() -> None:
    of = limited(memory="64Mi", cpu="1")
    assert resizes(running(of, of), {}, MEMORY) == []


def test_a_changed_limit_is_applied_in_place() -> None:
    snap = running(limited(memory="128Mi"), limited(memory="64Mi"))
    (found,) = resizes(snap, {}, MEMORY)
    assert (found.limits.memory_limit, found.restart) == (128 << 20, False)
    assert resizes(snap, {"c0-0": found.limits}, MEMORY) == []


def test_a_policy_can_ask_for_a_restart() -> None:
    snap = running(limited("RestartContainer", cpu="2"), limited(cpu="1"))
    (found,) = resizes(snap, {}, MEMORY)
    assert found.restart


def test_a_container_of_unknown_making_is_left_alone() -> None:
    snap = snapshot(limited(memory="1Mi"), {"c0": (status("c0"),)})
    assert resizes(snap, {}, MEMORY) == []
    assert resizes(snap, {"c0-0": Limits(memory_limit=5)}, MEMORY) != []
