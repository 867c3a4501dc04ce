"""What a CronJob needs now: a pure function of a snapshot and the time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from grappe.api import Object
from grappe.api.cron import Schedule, ScheduleError, parse
from grappe.base.clock import parse_rfc3339, rfc3339
from grappe.reconcile import conditions
from grappe.reconcile.owners import owner_reference

SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"
_MOST_MISSED = 100


@dataclass(frozen=True, slots=True)
class World:
    """A CronJob and the Jobs it owns."""

    cronjob: Object
    jobs: Sequence[Object]


class Event(NamedTuple):
    type: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Plan:
    """`replace` are running Jobs to be deleted first, `old` finished ones beyond the limits."""

    status: Object
    events: tuple[Event, ...] = ()
    replace: tuple[Object, ...] = ()
    old: tuple[Object, ...] = ()
    create: Object | None = None
    look_again_at: float | None = None


@dataclass(slots=True)
class _Draft:
    status: Object
    events: list[Event] = field(default_factory=list)
    replace: list[Object] = field(default_factory=list)
    create: Object | None = None
    at: float | None = None


def outcome(job: Object) -> str:
    """Complete, Failed, or empty while it runs."""
    for kind in ("Complete", "Failed"):
        if conditions.is_true(job, kind):
            return kind
    return ""


def decide(world: World, now: float) -> Plan:
    """The next step."""
    cronjob = world.cronjob
    draft = _Draft(dict(cronjob.get("status") or {}))
    _note_finished(world, draft)
    old = _beyond_limits(world)
    going = cronjob["metadata"].get("deletionTimestamp") or cronjob["spec"].get("suspend")
    if not going:
        try:
            schedule = parse(cronjob["spec"]["schedule"], cronjob["spec"].get("timeZone"))
        except ScheduleError as error:
            message = f'unparseable schedule: "{cronjob["spec"]["schedule"]}" : {error}'
            draft.events.append(Event("Warning", "UnparseableSchedule", message))
        else:
            _fire(world, schedule, draft, now)
    return Plan(
        {k: v for k, v in draft.status.items() if v},
        tuple(draft.events),
        tuple(draft.replace),
        tuple(old),
        draft.create,
        draft.at,
    )


def _reference(job: Object) -> Object:
    meta = job["metadata"]
    return {
        "kind": "Job",
        "namespace": meta["namespace"],
        "name": meta["name"],
        "uid": meta["uid"],
        "apiVersion": "batch/v1",
        "resourceVersion": meta.get("resourceVersion"),
    }


def _note_finished(world: World, draft: _Draft) -> None:
    """Bring `status.active` and the time of the last success up to date."""
    known = {a["uid"]: a for a in draft.status.get("active") or ()}
    active = []
    last = draft.status.get("lastSuccessfulTime") or ""
    for job in sorted(world.jobs, key=lambda j: str(j["metadata"]["name"])):
        uid, name = job["metadata"]["uid"], job["metadata"]["name"]
        ended = outcome(job)
        if not ended:
            active.append(known.get(uid) or _reference(job))
            continue
        if uid in known:
            message = f"Saw completed job: {name}, condition: {ended}"
            draft.events.append(Event("Normal", "SawCompletedJob", message))
        if ended == "Complete":
            last = max(last, (job.get("status") or {}).get("completionTime") or "")
    present = {job["metadata"]["uid"] for job in world.jobs}
    for uid, reference in known.items():
        if uid not in present:
            message = f"Active job went missing: {reference['name']}"
            draft.events.append(Event("Normal", "MissingJob", message))
    draft.status["active"] = active
    draft.status["lastSuccessfulTime"] = last


def _started(job: Object) -> tuple[str, str]:
    return ((job.get("status") or {}).get("startTime") or "", job["metadata"]["name"])


def _beyond_limits(world: World) -> list[Object]:
    """Finished Jobs beyond the history limits, the oldest first."""
    spec = world.cronjob["spec"]
    found: list[Object] = []
    for kind, name, default in (
        ("Complete", "successfulJobsHistoryLimit", 3),
        ("Failed", "failedJobsHistoryLimit", 1),
    ):
        limit = spec.get(name)
        ended = [
            j
            for j in world.jobs
            if outcome(j) == kind and not j["metadata"].get("deletionTimestamp")
        ]
        ended.sort(key=_started)
        surplus = len(ended) - (default if limit is None else int(limit))
        found += ended[: max(0, surplus)]
    return found


def _last_missed(
    cronjob: Object, schedule: Schedule, draft: _Draft, now: float
) -> tuple[float | None, float | None]:
    """The latest time that has passed without a Job, and the next one to come."""
    since = draft.status.get("lastScheduleTime") or cronjob["metadata"]["creationTimestamp"]
    earliest = parse_rfc3339(since)
    deadline = cronjob["spec"].get("startingDeadlineSeconds")
    if deadline is not None:
        earliest = max(earliest, now - deadline)
    missed: float | None = None
    number = 0
    following = schedule.next_after(earliest)
    while following is not None and following <= now:
        missed = following
        number += 1
        if number == _MOST_MISSED + 1:
            message = (
                "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or "
                "check clock skew"
            )
            draft.events.append(Event("Warning", "TooManyMissedTimes", message))
            # Nobody needs each of them: go on just before now.
            following = schedule.next_after(max(missed, now - 86_400.0))
            continue
        following = schedule.next_after(missed)
    return missed, following


def _fire(world: World, schedule: Schedule, draft: _Draft, now: float) -> None:
    """Make the Job that is due, as the concurrency policy allows."""
    cronjob = world.cronjob
    missed, draft.at = _last_missed(cronjob, schedule, draft, now)
    if missed is None:
        return
    deadline = cronjob["spec"].get("startingDeadlineSeconds")
    if deadline is not None and missed + deadline < now:
        message = f"Missed scheduled time to start a job: {rfc3339(missed)}"
        draft.events.append(Event("Warning", "MissSchedule", message))
        return
    job = make_job(cronjob, missed)
    if any(j["metadata"]["name"] == job["metadata"]["name"] for j in world.jobs):
        draft.status["lastScheduleTime"] = rfc3339(missed)
        return
    running = [j for j in world.jobs if not outcome(j)]
    policy = cronjob["spec"].get("concurrencyPolicy") or "Allow"
    if running and policy == "Forbid":
        message = (
            "Not starting job because prior execution is running and concurrency policy is Forbid"
        )
        draft.events.append(Event("Normal", "JobAlreadyActive", message))
        return
    if policy == "Replace":
        draft.replace += running
    draft.create = job
    draft.status["lastScheduleTime"] = rfc3339(missed)


def make_job(cronjob: Object, scheduled: float) -> Object:
    """The Job of a time: its name says which, so that no time is ever run twice."""
    meta, template = cronjob["metadata"], cronjob["spec"]["jobTemplate"]
    stated = template.get("metadata") or {}
    made: Object = {
        "name": f"{meta['name']}-{int(scheduled) // 60}",
        "namespace": meta["namespace"],
        "labels": dict(stated.get("labels") or {}),
        "annotations": {**(stated.get("annotations") or {}), SCHEDULED: rfc3339(scheduled)},
        "ownerReferences": [owner_reference(cronjob)],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": made,
        "spec": template["spec"],
    }
