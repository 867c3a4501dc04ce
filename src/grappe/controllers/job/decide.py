"""What a Job needs now: a pure function of a snapshot and the time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from grappe.api import Object
from grappe.base.clock import rfc3339
from grappe.controllers.job import backoff, indexes, perindex
from grappe.controllers.job.counting import (
    FINALIZER,
    Tally,
    completions,
    has_failed,
    index_of,
    is_indexed,
    tally,
)
from grappe.controllers.job.ending import Ending, deadline, ending, standing
from grappe.controllers.job.perindex import PerIndex, limit_per_index
from grappe.controllers.pods import is_active, is_finished, is_ready, is_terminating, phase
from grappe.controllers.statuses import without_zeros
from grappe.reconcile import conditions

BURST = 500


@dataclass(frozen=True, slots=True)
class World:
    """A Job, the pods it owns, and what the last plan said of failures."""

    job: Object
    pods: tuple[Object, ...]
    failures: Mapping[str, float] = field(default_factory=dict)


class Event(NamedTuple):
    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Carried out in this order: `status` is written, then `release`d pods lose their finalizer,
    `drop`ped ones lose it and are deleted without counting, `delete`d ones are deleted, and one
    pod is made for each entry of `create` (a completion index, or None)."""

    status: Object
    events: tuple[Event, ...] = ()
    release: tuple[Object, ...] = ()
    drop: tuple[Object, ...] = ()
    delete: tuple[Object, ...] = ()
    create: tuple[int | None, ...] = ()
    held: Mapping[int, Object] = field(default_factory=dict)
    failures: Mapping[str, float] = field(default_factory=dict)
    look_again_at: float | None = None

    def replaced(self, index: int | None) -> Object | None:
        """The failed pod that a new one for this index carries on from."""
        return None if index is None else self.held.get(index)


@dataclass(slots=True)
class _Draft:
    """A plan in the making."""

    conditions: list[Object]
    start_time: str | None
    events: list[Event] = field(default_factory=list)
    drop: list[Object] = field(default_factory=list)
    delete: list[Object] = field(default_factory=list)
    create: list[int | None] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    failures: Mapping[str, float] = field(default_factory=dict)
    completion_time: str | None = None


def is_over(job: Object) -> bool:
    """Complete or Failed."""
    return conditions.is_true(job, "Complete") or conditions.is_true(job, "Failed")


def decide(world: World, now: float) -> Plan:
    """The next step."""
    job = world.job
    if is_over(job) or job["metadata"].get("deletionTimestamp"):
        left = [p for p in world.pods if FINALIZER in (p["metadata"].get("finalizers") or ())]
        return Plan(job.get("status") or {}, release=tuple(left))
    count = tally(job, world.pods)
    status = job.get("status") or {}
    draft = _Draft([*(status.get("conditions") or ())], status.get("startTime"))
    draft.failures = backoff.failures(job, world.pods, world.failures)
    suspended = bool(job["spec"].get("suspend"))
    if draft.start_time is None and not suspended:
        draft.start_time = rfc3339(now)
    active = [p for p in world.pods if is_active(p)]
    per_index = perindex.look(job, world.pods, count.completed)
    end = standing(job) or _ending(world, draft, count, per_index, now)
    if end is not None:
        if not end.is_success:
            count = tally(job, world.pods, failing=True)
        _end(draft, end, world, count, active, now)
    else:
        count = per_index.hold_back(count)
        _suspend(draft, suspended, now)
        if suspended:
            draft.drop += active
        else:
            _run(draft, world, count, per_index, active, now)
    return Plan(
        status=_status(world, draft, count, per_index, active),
        events=tuple(draft.events),
        release=count.release,
        drop=tuple(draft.drop),
        delete=tuple(draft.delete),
        create=tuple(draft.create),
        held=per_index.held,
        failures=draft.failures,
        look_again_at=min(draft.times, default=None),
    )


# -- how it ends ------------------------------------------------------------


def _ending(
    world: World, draft: _Draft, count: Tally, per_index: PerIndex, now: float
) -> Ending | None:
    last = deadline(world.job, draft.start_time)
    if last is not None and last > now:
        draft.times.append(last)
    late = last is not None and last <= now
    return ending(world.job, world.pods, count, per_index, late)


def _end(
    draft: _Draft,
    end: Ending,
    world: World,
    count: Tally,
    active: Sequence[Object],
    now: float,
) -> None:
    """Say so, remove what still runs, and once all is counted and gone say that it is over."""
    success = end.is_success
    draft.conditions = _with(draft.conditions, end.condition, end, now)
    (draft.drop if success else draft.delete).extend(active)
    leaving = [p for p in world.pods if is_terminating(p) and not is_finished(p)]
    if active or leaving or not count.is_settled:
        return
    final = "Complete" if success else "Failed"
    draft.conditions = _with(draft.conditions, final, end, now)
    if success:
        draft.completion_time = rfc3339(now)
        draft.events.append(Event("Normal", "Completed", "Job completed"))
    else:
        draft.events.append(Event("Warning", end.reason, end.message))


def _with(listed: list[Object], kind: str, end: Ending, now: float) -> list[Object]:
    wanted = {
        "type": kind,
        "status": "True",
        "lastProbeTime": rfc3339(now),
        "reason": end.reason,
        "message": end.message,
    }
    if any(c.get("type") == kind and c.get("status") == "True" for c in listed):
        return listed
    return conditions.with_condition(listed, wanted, now)


def _suspend(draft: _Draft, suspended: bool, now: float) -> None:
    known = next((c for c in draft.conditions if c.get("type") == "Suspended"), None)
    is_suspended = known is not None and known.get("status") == "True"
    if suspended == is_suspended or (not suspended and known is None):
        return
    reason, message = (
        ("JobSuspended", "Job suspended") if suspended else ("JobResumed", "Job resumed")
    )
    wanted = {
        "type": "Suspended",
        "status": "True" if suspended else "False",
        "lastProbeTime": rfc3339(now),
        "reason": reason,
        "message": message,
    }
    draft.conditions = conditions.with_condition(draft.conditions, wanted, now)
    draft.events.append(Event("Normal", "Suspended" if suspended else "Resumed", message))
    draft.start_time = None if suspended else rfc3339(now)


# -- how it runs ------------------------------------------------------------


def _run(
    draft: _Draft,
    world: World,
    count: Tally,
    per_index: PerIndex,
    active: Sequence[Object],
    now: float,
) -> None:
    """Make or remove pods so that as many run as are wanted."""
    job = world.job
    over = count.completed | per_index.failed
    useless = _useless(job, active, over)
    draft.drop += useless
    active = [p for p in active if p not in useless]
    wanted = _wanted_active(job, count, active)
    surplus = len(active) - wanted
    if surplus > 0:
        # The least far go first; the rank is that of a ReplicaSet's pods.
        ranked = sorted(
            active,
            key=lambda p: (
                bool(p["spec"].get("nodeName")),
                phase(p) == "Running",
                is_ready(p),
                p["metadata"]["name"],
            ),
        )
        draft.drop += ranked[:surplus]
        return
    waiting = 0
    if job["spec"].get("podReplacementPolicy") == "Failed":
        waiting = sum(is_terminating(p) and not is_finished(p) for p in world.pods)
    missing = min(-surplus - waiting, BURST)
    if missing <= 0:
        return
    at = 0.0 if limit_per_index(job) is not None else backoff.retry_at(draft.failures)
    if at > now:
        draft.times.append(at)
    elif is_indexed(job):
        busy = {
            i for p in world.pods if not is_finished(p) and (i := _live_index(job, p)) is not None
        }
        pending = indexes.first_missing(over | busy, missing, completions(job) or 0)
        _create(draft, pending, per_index, now)
    else:
        draft.create += [None] * missing


def _create(draft: _Draft, pending: Sequence[int], per_index: PerIndex, now: float) -> None:
    """Pods for these indexes, but for those that failed a moment ago."""
    for index in pending:
        held = per_index.held.get(index)
        at = 0.0 if held is None else perindex.retry_at(held)
        if at > now:
            draft.times.append(at)
        else:
            draft.create.append(index)


def _live_index(job: Object, pod: Object) -> int | None:
    """The index a pod keeps busy; one that already counts as failed keeps none."""
    return None if has_failed(job, pod) else index_of(pod)


def _useless(job: Object, active: Sequence[Object], over: frozenset[int]) -> list[Object]:
    """Active pods that work for an index that is over, unknown, or another pod's already."""
    if not is_indexed(job):
        return []
    limit = completions(job) or 0
    taken = set(over)
    found = []
    for pod in sorted(active, key=lambda p: str(p["metadata"]["name"])):
        index = index_of(pod)
        if index is None or index >= limit or index in taken:
            found.append(pod)
        else:
            taken.add(index)
    return found


def _wanted_active(job: Object, count: Tally, active: Sequence[Object]) -> int:
    stated = job["spec"].get("parallelism")
    parallelism = 1 if stated is None else int(stated)
    wanted = completions(job)
    if wanted is None:
        return min(len(active), parallelism) if count.all_succeeded else parallelism
    return min(max(0, wanted - count.all_succeeded), parallelism)


# -- what it reports ------------------------------------------------------------


def _status(
    world: World, draft: _Draft, count: Tally, per_index: PerIndex, active: Sequence[Object]
) -> Object:
    job = world.job
    uncounted = without_zeros(
        {"succeeded": [*count.uncounted_succeeded], "failed": [*count.uncounted_failed]}
    )
    gone = {p["metadata"]["uid"] for p in (*draft.drop, *draft.delete)}
    running = [p for p in active if p["metadata"]["uid"] not in gone]
    terminating = sum(is_terminating(p) and not is_finished(p) for p in world.pods)
    found: Object = {
        "conditions": draft.conditions,
        "startTime": draft.start_time,
        "completionTime": draft.completion_time,
        "active": len(running) + len(draft.create),
        "ready": sum(map(is_ready, running)),
        "terminating": terminating + len(draft.drop) + len(draft.delete),
        "succeeded": count.succeeded,
        "failed": count.failed,
        "uncountedTerminatedPods": uncounted,
    }
    if is_indexed(job):
        found["completedIndexes"] = indexes.spell(count.completed)
    kept = ["ready", "terminating", "uncountedTerminatedPods"]
    if limit_per_index(job) is not None:
        found["failedIndexes"] = indexes.spell(per_index.failed)
        kept.append("failedIndexes")
    return without_zeros(found, keep=kept)
