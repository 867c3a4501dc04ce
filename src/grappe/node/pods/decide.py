"""What a pod worker has to do next: a plain function of what it has seen and the time.

The rules are the kubelet's (https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/,
https://kubernetes.io/docs/concepts/workloads/pods/sidecar-containers/).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from grappe.node.pods import restart, spec
from grappe.node.pods.config import ANNOTATION_HASH
from grappe.node.pods.snapshot import Snapshot
from grappe.node.pods.spec import Declared
from grappe.node.runtime.interface import ContainerStatus


class Kill(NamedTuple):
    """End one container; `why` is the event's text."""

    status: ContainerStatus
    declared: Declared | None
    why: str
    probe: str = ""


class Start(NamedTuple):
    """Start the `attempt`-th instance of a container. `after`: when its predecessor ended."""

    declared: Declared
    attempt: int
    after: float


@dataclass(slots=True)
class Plan:
    """In this order: remove `stale` instances, stop the old sandbox, make a new one, kill, start.

    `waiting` are containers in back-off: name → (reason, message). `wake_at` is when to look again
    though nothing happens. `finished`: all containers have ended for good, the sandbox may go.
    """

    stop_sandboxes: list[str] = field(default_factory=list)
    create_sandbox: int | None = None
    kill: list[Kill] = field(default_factory=list)
    start: list[Start] = field(default_factory=list)
    stale: list[str] = field(default_factory=list)
    waiting: dict[str, tuple[str, str]] = field(default_factory=dict)
    wake_at: float | None = None
    finished: bool = False

    def wake_by(self, when: float) -> None:
        self.wake_at = when if self.wake_at is None else min(self.wake_at, when)

    @property
    def idle(self) -> bool:
        """Nothing to do now."""
        return not (
            self.stop_sandboxes
            or self.create_sandbox is not None
            or self.kill
            or self.start
            or self.stale
        )


def backoff_key(snapshot: Snapshot, name: str) -> str:
    return f"{spec.uid(snapshot.pod)}/{name}"


def decide(snapshot: Snapshot) -> Plan:
    """The next steps for a pod that is to run. (One that is to stop: `terminate.py`.)"""
    plan = Plan()
    plan.stale = _stale(snapshot)
    if _main_finished(snapshot) or _init_failed(snapshot):
        _finish(snapshot, plan)
        return plan
    ready = [s for s in snapshot.sandboxes if s.ready]
    newest = snapshot.sandboxes[0] if snapshot.sandboxes else None
    if newest is None or not newest.ready:
        plan.stop_sandboxes = [s.id for s in ready]
        plan.create_sandbox = newest.attempt + 1 if newest else 0
        return plan
    plan.stop_sandboxes = [s.id for s in ready if s.id != newest.id]
    for declared in spec.containers(snapshot.pod):
        if declared.kind == "ephemeral" and snapshot.newest(declared.name) is None:
            plan.start.append(Start(declared, 0, 0.0))
    if _initialize(snapshot, plan):
        for declared in spec.containers(snapshot.pod):
            if declared.kind == "main":
                _keep(snapshot, plan, declared, snapshot.newest(declared.name))
    return plan


def initialized(snapshot: Snapshot) -> bool:
    """Whether the init containers are done in the current sandbox."""
    return _initialize(snapshot, Plan())


def _main_started(snapshot: Snapshot) -> bool:
    return any(
        snapshot.active(c.name) is not None
        for c in spec.containers(snapshot.pod)
        if c.kind == "main"
    )


def _initialize(snapshot: Snapshot, plan: Plan) -> bool:
    """Go through the init containers in order up to the first that holds the others back; True
    when none does. Once a main container was made, only sidecars still matter."""
    past = _main_started(snapshot)
    for declared in spec.containers(snapshot.pod):
        if declared.kind != "init":
            continue
        status = snapshot.active(declared.name)
        if declared.restartable:
            _keep(snapshot, plan, declared, status)
            up = status is not None and status.state == "running" and status.id in snapshot.started
            if not up and not past:
                return False
        elif past or (status is not None and status.state == "exited" and not status.exit_code):
            continue
        else:
            _keep(snapshot, plan, declared, status)
            return False
    return True


def _keep(
    snapshot: Snapshot, plan: Plan, declared: Declared, status: ContainerStatus | None
) -> None:
    """See to it that one container runs, if it should."""
    if status is not None and status.state == "running":
        _replace_if_needed(snapshot, plan, declared, status)
        return
    if not restart.wanted(snapshot.pod, declared, status):
        return
    previous = snapshot.newest(declared.name)
    if status is not None and status.state == "unknown":
        why = f"Container {declared.name} is in unknown state, try killing it before restart"
        plan.kill.append(Kill(status, declared, why))
    if status is not None and status.state == "exited":
        key = backoff_key(snapshot, declared.name)
        until = snapshot.backoff.waits_until(key, status.finished_at, snapshot.now)
        if until is not None:
            delay = _duration(snapshot.backoff.delay(key))
            plan.waiting[declared.name] = (
                "CrashLoopBackOff",
                f"back-off {delay} restarting failed container={declared.name} "
                f"pod={spec.described(snapshot.pod)}",
            )
            plan.wake_by(until)
            return
    if previous is not None and previous.state == "created":
        # Made, but never started: the agent ended in between. It counts for nothing.
        plan.stale.append(previous.id)
        plan.start.append(Start(declared, previous.attempt, 0.0))
        return
    after = previous.finished_at if previous is not None else 0.0
    plan.start.append(Start(declared, previous.attempt + 1 if previous else 0, after))


def _replace_if_needed(
    snapshot: Snapshot, plan: Plan, declared: Declared, status: ContainerStatus
) -> None:
    made_from = status.annotations.get(ANNOTATION_HASH)
    probe = snapshot.failed_probes.get(status.id)
    if made_from is not None and made_from != spec.definition_hash(declared.spec):
        why = f"Container {declared.name} definition changed, will be restarted"
        plan.kill.append(Kill(status, declared, why))
    elif probe is not None:
        restarts = restart.policy(snapshot.pod, declared) != "Never"
        why = f"Container {declared.name} failed {probe} probe"
        plan.kill.append(
            Kill(status, declared, why + ", will be restarted" if restarts else why, probe)
        )


def _main_finished(snapshot: Snapshot) -> bool:
    """Whether every main container has ended and none starts again."""
    for declared in spec.containers(snapshot.pod):
        if declared.kind == "main":
            status = snapshot.newest(declared.name)
            if status is None or status.state != "exited":
                return False
            if restart.wanted(snapshot.pod, declared, status):
                return False
    return True


def _init_failed(snapshot: Snapshot) -> bool:
    """Whether an init container has failed for good."""
    for declared in spec.containers(snapshot.pod):
        if declared.kind == "init" and not declared.restartable:
            status = snapshot.newest(declared.name)
            if status is None or status.state != "exited":
                continue
            if status.exit_code and not restart.wanted(snapshot.pod, declared, status):
                return True
    return False


def _finish(snapshot: Snapshot, plan: Plan) -> None:
    """The pod is done: end sidecars, the last first, then let go of the sandbox."""
    running = [
        (declared, status)
        for declared in spec.containers(snapshot.pod)
        for status in [snapshot.newest(declared.name)]
        if status is not None and status.state == "running"
    ]
    if running:
        declared, status = running[-1]
        plan.kill.append(Kill(status, declared, f"Stopping container {declared.name}"))
        return
    plan.stop_sandboxes = [s.id for s in snapshot.sandboxes if s.ready]
    plan.finished = True


def _stale(snapshot: Snapshot) -> list[str]:
    """Ended instances beyond the newest and the one before it, which `logs --previous` reads."""
    return [
        old.id
        for instances in snapshot.containers.values()
        for old in instances[2:]
        if old.state != "running"
    ]


def _duration(seconds: float) -> str:
    """As Go prints durations: 10s, 1m20s, 5m0s."""
    whole = int(seconds)
    return f"{whole}s" if whole < 60 else f"{whole // 60}m{whole % 60}s"
