"""Changed resources of running containers: applied in place, or by a restart (pure).

https://kubernetes.io/docs/tasks/configure-pod-container/resize-container-resources/
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import NamedTuple

from grappe.api import Object
from grappe.node.pods import resources, spec
from grappe.node.pods.snapshot import Snapshot
from grappe.node.pods.spec import Declared
from grappe.node.runtime.config import Limits
from grappe.node.runtime.interface import ContainerStatus

ANNOTATION = "grappe.dev/limits"
"""The limits a container was made with, for an agent that did not make it."""


class Resize(NamedTuple):
    """`restart`: the container's resizePolicy asks for one."""

    declared: Declared
    status: ContainerStatus
    limits: Limits
    restart: bool


def remembered(limits: Limits) -> str:
    """The value of the annotation."""
    return json.dumps(asdict(limits))


def made_with(status: ContainerStatus) -> Limits | None:
    """What the annotation says; None when it is missing or damaged."""
    try:
        return Limits(**json.loads(status.annotations.get(ANNOTATION, "")))
    except (ValueError, TypeError):
        return None


def _needs_restart(container: Object, have: Limits, want: Limits) -> bool:
    changed = set()
    if (have.cpu_quota, have.cpu_shares) != (want.cpu_quota, want.cpu_shares):
        changed.add("cpu")
    if have.memory_limit != want.memory_limit:
        changed.add("memory")
    return any(
        policy.get("restartPolicy") == "RestartContainer" and policy.get("resourceName") in changed
        for policy in container.get("resizePolicy") or ()
    )


def resizes(snapshot: Snapshot, applied: Mapping[str, Limits], machine_memory: int) -> list[Resize]:
    """The running containers whose limits are not what the spec says. `applied`: what this agent
    has given containers, by id. The OOM score of a running process is left alone."""
    out = []
    for declared in spec.containers(snapshot.pod):
        status = snapshot.newest(declared.name)
        if status is None or status.state != "running":
            continue
        have = applied.get(status.id) or made_with(status)
        want = resources.limits(snapshot.pod, declared.spec, machine_memory)
        if have is None or _same(have, want):
            continue
        out.append(Resize(declared, status, want, _needs_restart(declared.spec, have, want)))
    return out


def _same(one: Limits, other: Limits) -> bool:
    return (one.cpu_quota, one.cpu_shares, one.memory_limit) == (
        other.cpu_quota,
        other.cpu_shares,
        other.memory_limit,
    )
