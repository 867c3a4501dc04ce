"""What a pod worker has seen: the frozen input of `decide` and of the pod's status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from grappe.api import Object
from grappe.node.pods.backoff import BackOff
from grappe.node.runtime.interface import ContainerStatus, Sandbox, SandboxStatus


class Stop(NamedTuple):
    """Why the pod has to end. `phase` Failed for a pod that is ended by the node, with the reason
    and message of its status; empty for a deleted one."""

    reason: str = ""
    message: str = ""
    phase: str = ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`sandboxes` newest first, `current` the newest's status; `containers` by name, newest first,
    with their sandbox. `started` and `ready`: ids of containers whose startup and readiness probes
    have passed (or that have none). `failed_probes`: id → `liveness` or `startup`. `blocked`: name
    → (reason, message) of a container that could not be started."""

    pod: Object
    now: float
    sandboxes: tuple[Sandbox, ...] = ()
    current: SandboxStatus | None = None
    containers: Mapping[str, tuple[ContainerStatus, ...]] = field(default_factory=dict)
    started: frozenset[str] = frozenset()
    ready: frozenset[str] = frozenset()
    failed_probes: Mapping[str, str] = field(default_factory=dict)
    backoff: BackOff = field(default_factory=BackOff)
    blocked: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    stop: Stop | None = None

    def newest(self, name: str) -> ContainerStatus | None:
        """The newest instance of a container, in whatever sandbox."""
        found = self.containers.get(name)
        return found[0] if found else None

    def active(self, name: str) -> ContainerStatus | None:
        """The newest instance of a container in the current sandbox."""
        if self.current is None:
            return None
        return next(
            (c for c in self.containers.get(name, ()) if c.sandbox_id == self.current.id), None
        )
