"""What a Job needs now: a pure function of a snapshot and the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from grappe.api import Object
from grappe.base.clock import parse_rfc3339, rfc3339
from grappe.controllers.job import indexes
from grappe.controllers.job.backoff import retry_at
from grappe.controllers.job.counting import (
    FINALIZER,
    Tally,
    completions,
    has_failed,
    index_of,
    is_indexed,
    tally,
)
from grappe.controllers.job.policy import judge
from grappe.controllers.pods import is_active, is_finished, is_ready, is_terminating, phase
from grappe.controllers.statuses import without_zeros
from grappe.reconcile import conditions

BURST = 500


@dataclass(frozen=True, slots=True)
class World:
    """A Job and the pods it owns."""

    job: Object
    pods: tuple[Object, ...]


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
    look_again_at: float | None = None


class Verdict(NamedTuple):
    """How the Job ends: `condition` is SuccessCriteriaMet or FailureTarget."""

    condition: str
    reason: str
    message: str


_REACHED = Verdict(
    "SuccessCriteriaMet", "CompletionsReached", "Reached expected number of succeeded pods"
)


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
    suspended = bool(job["spec"].get("suspend"))
    if draft.start_time is None and not suspended:
        draft.start_time = rfc3339(now)
    active = [p for p in world.pods if is_active(p)]
    verdict = _standing_verdict(job) or _verdict(world, count, draft, active, now)
    if verdict is not None:
        _end(draft, verdict, world, count, active, now)
    else:
        _suspend(draft, suspended, now)
        if suspended:
            draft.drop += active
        else:
            _run(draft, world, count, active, now)
    return Plan(
        status=_status(world, draft, count, active),
        events=tuple(draft.events),
        release=count.release,
        drop=tuple(draft.drop),
        delete=tuple(draft.delete),
        create=tuple(draft.create),
        look_again_at=min(draft.times, default=None),
    )


# -- how it ends ------------------------------------------------------------


def _standing_verdict(job: Object) -> Verdict | None:
    """What was decided before and is being carried out."""
    for kind in ("FailureTarget", "SuccessCriteriaMet"):
        found = conditions.find(job, kind)
        if found is not None and found.get("status") == "True":
            return Verdict(kind, found.get("reason") or "", found.get("message") or "")
    return None


def _verdict(
    world: World, count: Tally, draft: _Draft, active: Sequence[Object], now: float
) -> Verdict | None:
    job = world.job
    for pod in world.pods:
        if phase(pod) == "Failed" and FINALIZER in (pod["metadata"].get("finalizers") or ()):
            found = judge(job, pod)
            if found.action == "FailJob":
                return Verdict("FailureTarget", "PodFailurePolicy", found.message)
    limit = job["spec"].get("backoffLimit")
    if count.all_failed > (6 if limit is None else limit) or _restarted_too_often(world, limit):
        message = "Job has reached the specified backoff limit"
        return Verdict("FailureTarget", "BackoffLimitExceeded", message)
    deadline = job["spec"].get("activeDeadlineSeconds")
    if deadline is not None and draft.start_time is not None and not job["spec"].get("suspend"):
        ends = parse_rfc3339(draft.start_time) + deadline
        if ends <= now:
            message = "Job was active longer than specified deadline"
            return Verdict("FailureTarget", "DeadlineExceeded", message)
        draft.times.append(ends)
    wanted = completions(job)
    if wanted is None:
        done = count.all_succeeded > 0 and not active
    else:
        done = count.all_succeeded >= wanted
    return _REACHED if done else None


def _restarted_too_often(world: World, limit: int | None) -> bool:
    """Where containers restart in place, their restarts count as failures."""
    if world.job["spec"]["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    restarts = sum(
        container.get("restartCount") or 0
        for pod in world.pods
        if phase(pod) in ("Running", "Pending")
        for kind in ("initContainerStatuses", "containerStatuses")
        for container in (pod.get("status") or {}).get(kind) or ()
    )
    most = 6 if limit is None else limit
    return restarts > 0 if most == 0 else restarts >= most


def _end(
    draft: _Draft,
    verdict: Verdict,
    world: World,
    count: Tally,
    active: Sequence[Object],
    now: float,
) -> None:
    """Say so, remove what still runs, and once all is counted and gone say that it is over."""
    success = verdict.condition == "SuccessCriteriaMet"
    draft.conditions = _with(draft.conditions, verdict.condition, verdict, now)
    (draft.drop if success else draft.delete).extend(active)
    leaving = [p for p in world.pods if is_terminating(p) and not is_finished(p)]
    if active or leaving or not count.is_settled:
        return
    final = "Complete" if success else "Failed"
    draft.conditions = _with(draft.conditions, final, verdict, now)
    if success:
        draft.completion_time = rfc3339(now)
        draft.events.append(Event("Normal", "Completed", "Job completed"))
    else:
        draft.events.append(Event("Warning", verdict.reason, verdict.message))


def _with(listed: list[Object], kind: str, verdict: Verdict, now: float) -> list[Object]:
    wanted = {
        "type": kind,
        "status": "True",
        "lastProbeTime": rfc3339(now),
        "reason": verdict.reason,
        "message": verdict.message,
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


def _run(draft: _Draft, world: World, count: Tally, active: Sequence[Object], now: float) -> None:
    """Make or remove pods so that as many run as are wanted."""
    job = world.job
    useless = _useless(job, active, count.completed)
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
    at = retry_at(p for p in world.pods)
    if at > now:
        draft.times.append(at)
        return
    if is_indexed(job):
        busy = {
            i for p in world.pods if not is_finished(p) and (i := _live_index(job, p)) is not None
        }
        draft.create += indexes.first_missing(
            count.completed | busy, missing, completions(job) or 0
        )
    else:
        draft.create += [None] * missing


def _live_index(job: Object, pod: Object) -> int | None:
    """The index a pod keeps busy; one that already counts as failed keeps none."""
    return None if has_failed(job, pod) else index_of(pod)


def _useless(job: Object, active: Sequence[Object], completed: frozenset[int]) -> list[Object]:
    """Active pods that work for an index that is complete, unknown, or another pod's already."""
    if not is_indexed(job):
        return []
    limit = completions(job) or 0
    taken = set(completed)
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


def _status(world: World, draft: _Draft, count: Tally, active: Sequence[Object]) -> Object:
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
    return without_zeros(found, keep=("ready", "terminating", "uncountedTerminatedPods"))
