"""What a sync does next, given its tasks and what came of them so far. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from grappe.api import Object
from grappe.delivery.health import Health
from grappe.delivery.sync.tasks import Task, TaskId

HookPhase = Literal["", "Running", "Succeeded", "Failed", "Error"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a task: `status` is Synced, SyncFailed, Pruned or PruneSkipped; `phase` says
    how what was applied is doing."""

    status: str
    phase: HookPhase
    message: str = ""

    @property
    def failed(self) -> bool:
        return self.status == "SyncFailed" or self.phase in ("Failed", "Error")

    @property
    def running(self) -> bool:
        return self.phase == "Running"


@dataclass(frozen=True, slots=True)
class Run:
    """Do these now, all in one step."""

    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    message: str


@dataclass(frozen=True, slots=True)
class Finish:
    phase: Literal["Succeeded", "Failed"]
    message: str


Decision: TypeAlias = Run | Wait | Finish
Outcomes: TypeAlias = Mapping[TaskId, Outcome]


def observe(
    tasks: Sequence[Task], outcomes: Outcomes, assess: Callable[[Object], Health | None]
) -> dict[TaskId, Outcome]:
    """The outcomes with what has become of what was running."""
    return {
        **outcomes,
        **{
            task.id: _observed(task, outcomes[task.id], assess)
            for task in tasks
            if task.id in outcomes and outcomes[task.id].running
        },
    }


def _observed(task: Task, outcome: Outcome, assess: Callable[[Object], Health | None]) -> Outcome:
    if task.creates_namespace:
        return replace(outcome, phase="Succeeded")
    if task.live is None:
        if not task.is_hook:
            return outcome  # perhaps just not seen yet
        why = "the hook was deleted before its result was seen: raise ttlSecondsAfterFinished"
        return replace(outcome, phase="Error", message=why)
    health = assess(task.live)
    if health is None:
        return replace(outcome, phase="Succeeded")
    if health.status == "Healthy":
        return replace(outcome, phase="Succeeded", message=health.message or outcome.message)
    if health.status == "Degraded" or (task.is_hook and health.status == "Unknown"):
        return replace(outcome, phase="Failed", message=health.message or outcome.message)
    return outcome


def decide(tasks: Sequence[Task], outcomes: Outcomes) -> Decision:
    """Step by step: all of one phase and wave, then wait until it is healthy, then the next.

    What is applied in the last step is not waited for, only its hooks are: without waves and hooks
    a sync is over when everything is applied. `tasks` are in order.
    """
    failing = [task for task in tasks if task.id.phase == "SyncFail"]
    regular = [task for task in tasks if task.id.phase != "SyncFail"]
    last_step = regular[-1].step if regular else (0, 0)
    pending = [task for task in regular if task.id not in outcomes]

    waiting = [
        task
        for task in regular
        if task.id in outcomes
        and outcomes[task.id].running
        and (task.is_hook or task.step != last_step)
    ]
    deleting = [
        task
        for task in regular
        if task.id in outcomes and outcomes[task.id].status == "Pruned" and task.live is not None
    ]
    failed = [task for task in regular if task.id in outcomes and outcomes[task.id].failed]
    if failed:
        return _fail(failed, failing, outcomes)
    if waiting:
        return Wait(_waiting_for(waiting, "completion of hook", "healthy state of"))
    if deleting:
        return Wait(_waiting_for(deleting, "deletion of", "deletion of"))
    if not pending:
        return Finish("Succeeded", "successfully synced (all tasks run)")
    step = pending[0].step
    return Run(tuple(task for task in pending if task.step == step))


def _fail(failed: Sequence[Task], failing: Sequence[Task], outcomes: Outcomes) -> Decision:
    """Hooks of SyncFail run once something has failed, then the sync is over."""
    pending = tuple(task for task in failing if task.id not in outcomes)
    if pending:
        return Run(pending)
    running = [task for task in failing if outcomes[task.id].running]
    if running:
        return Wait(_waiting_for(running, "completion of hook", "healthy state of"))
    not_applied = [task for task in failed if outcomes[task.id].status == "SyncFailed"]
    what = (
        "one or more objects failed to apply"
        if not_applied
        else "one or more synchronization tasks completed unsuccessfully"
    )
    reasons = [
        f"{task.ref}: {message}"
        for task in (not_applied or failed)
        if (message := outcomes[task.id].message)
    ]
    return Finish("Failed", f"{what}, reason: {'; '.join(reasons)}" if reasons else what)


def _waiting_for(tasks: Sequence[Task], hook: str, other: str) -> str:
    first = tasks[0]
    what = hook if first.is_hook else other
    message = f"waiting for {what} {first.ref.group}/{first.ref.kind}/{first.ref.name}"
    if len(tasks) > 1:
        more = "hooks" if first.is_hook else "resources"
        message += f" and {len(tasks) - 1} more {more}"
    return message


def blocked(tasks: Sequence[Task], coming: frozenset[tuple[str, str]]) -> dict[TaskId, Outcome]:
    """Tasks whose kind the cluster does not serve, unless a CRD of this very sync (`coming`:
    group, kind) brings it. Nothing is applied when there is one."""
    return {
        task.id: Outcome(
            "SyncFailed",
            "Failed",
            f"The Kubernetes API could not find {task.ref.group}/{task.ref.kind} for requested "
            f"resource {task.ref.namespace}/{task.ref.name}. Make sure the "
            f'"{task.ref.kind}" CRD is installed on the destination cluster.',
        )
        for task in tasks
        if task.resource is None and (task.ref.group, task.ref.kind) not in coming
    }
