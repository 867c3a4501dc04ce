"""The status of a Job: counts, indexes and conditions that agree with each other.

https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/job-v1/#JobStatus
"""

from __future__ import annotations

from grappe.api import Object
from grappe.api.causes import duplicate, invalid, required, unfit
from grappe.api.validation.rules import Causes, none_negative

_AT = "status.conditions"


def read_indexes(text: str, completions: int) -> list[tuple[int, int]]:
    """The ranges of indexes that a list such as `1,3-5` names, first and last of each;
    ValueError in Kubernetes' words."""
    found: list[tuple[int, int]] = []
    for interval in text.split(",") if text else ():
        first, last = _interval(interval, completions)
        if found and found[-1][1] >= first:
            previous = found[-1][1]
            raise ValueError(f"non-increasing order, previous: {previous}, current: {first}")
        found.append((first, last))
    return found


def _first_common(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> int | None:
    """The least index in both; the ranges are in order."""
    i = j = 0
    while i < len(one) and j < len(other):
        low, high = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if low <= high:
            return low
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return None


def _interval(text: str, completions: int) -> tuple[int, int]:
    ends = text.split("-")
    if len(ends) > 2:
        raise ValueError(
            f'the fragment "{text}" violates the requirement that an index interval can have at '
            "most two parts separated by '-'"
        )
    numbers = []
    for end in ends:
        if not end.isdigit() or not end.isascii() or len(end) > 10:
            raise ValueError(f'cannot convert string to integer for index: "{end}"')
        if int(end) >= completions:
            raise ValueError(f'too large index: "{end}"')
        numbers.append(int(end))
    if len(numbers) == 2 and numbers[0] >= numbers[1]:
        raise ValueError(f"non-increasing order, previous: {numbers[0]}, current: {numbers[1]}")
    return numbers[0], numbers[-1]


def _true(job: Object) -> set[str]:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return {c.get("type") for c in conditions if c.get("status") == "True"}


def update(new: Object, old: Object) -> Causes:
    status, before = new.get("status") or {}, old.get("status") or {}
    if status == before:
        return
    now, was = _true(new), _true(old)
    yield from none_negative(
        status, "status", "active", "succeeded", "failed", "ready", "terminating"
    )
    yield from _uncounted(status.get("uncountedTerminatedPods") or {})
    yield from _conditions(now, new)
    yield from _times(new, status, now)
    yield from _counts(status, now)
    yield from _indexes(new, status)
    for kind in ("Failed", "Complete", "FailureTarget"):
        if kind in was and kind not in now:
            yield unfit(_AT, f"cannot disable the terminal {kind}=True condition")
    for field in ("failed",) if _is_elastic(new["spec"]) else ("failed", "succeeded"):
        if status.get(field, 0) < before.get(field, 0):
            detail = f"cannot decrease the {field} counter"
            yield invalid(f"status.{field}", status.get(field, 0), detail)
    ended, had = status.get("completionTime"), before.get("completionTime")
    if ended and had and ended != had:
        yield invalid("status.completionTime", ended, "completionTime cannot be mutated")
    started, had = status.get("startTime"), before.get("startTime")
    if had and started != had and not new["spec"].get("suspend"):
        detail = "startTime cannot be removed for unsuspended job"
        yield required("status.startTime", detail)
    if "SuccessCriteriaMet" in was and "SuccessCriteriaMet" not in now:
        yield unfit(_AT, "cannot disable the SuccessCriteriaMet=True condition")
    if "Complete" in was and "SuccessCriteriaMet" in now - was:
        detail = "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions"
        yield unfit(_AT, detail)


def _is_elastic(spec: Object) -> bool:
    """Whether it may be made smaller, and then have fewer indexes that succeeded."""
    indexed = spec.get("completionMode") == "Indexed"
    return indexed and spec.get("completions") == spec.get("parallelism")


def _uncounted(pods: Object) -> Causes:
    seen: set[str] = set()
    for part in ("succeeded", "failed"):
        for i, uid in enumerate(pods.get(part) or ()):
            at = f"status.uncountedTerminatedPods.{part}[{i}]"
            if not uid:
                yield invalid(at, uid, "must not be empty")
            elif uid in seen:
                yield duplicate(at, uid)
            seen.add(uid)


def _conditions(now: set[str], job: Object) -> Causes:
    for one, other in (
        ("Complete", "Failed"),
        ("Complete", "FailureTarget"),
        ("SuccessCriteriaMet", "Failed"),
        ("SuccessCriteriaMet", "FailureTarget"),
    ):
        if one in now and other in now:
            yield unfit(_AT, f"cannot set {one}=True and {other}=true conditions")
    if "Failed" in now and "FailureTarget" not in now:
        detail = "cannot set Failed=True condition without the FailureTarget=true condition"
        yield unfit(_AT, detail)
    if "Complete" in now and "SuccessCriteriaMet" not in now:
        detail = "cannot set Complete=True condition without the SuccessCriteriaMet=true condition"
        yield unfit(_AT, detail)


def _times(job: Object, status: Object, now: set[str]) -> Causes:
    started, ended = status.get("startTime"), status.get("completionTime")
    at = "status.completionTime"
    if ended and "Complete" not in now:
        detail = "cannot set completionTime when there is no Complete=True condition"
        yield invalid(at, ended, detail)
    if "Complete" in now and not ended:
        yield required(at, "completionTime is required for Complete jobs")
    if started and ended and ended < started:
        yield invalid(at, ended, "completionTime cannot be set before startTime")
    never_ran = job["spec"].get("suspend") and job["spec"].get("completions") == 0
    if now & {"Complete", "Failed"} and not started and not never_ran:
        yield required("status.startTime", "startTime is required for finished job")


def _counts(status: Object, now: set[str]) -> Causes:
    active, ready = status.get("active", 0), status.get("ready", 0)
    if now & {"Complete", "Failed"}:
        if active > 0:
            yield invalid("status.active", active, "active>0 is invalid for finished job")
        waiting = status.get("uncountedTerminatedPods") or {}
        if waiting.get("failed") or waiting.get("succeeded"):
            detail = "uncountedTerminatedPods needs to be empty for finished job"
            yield invalid("status.uncountedTerminatedPods", waiting, detail)
        ending = status.get("terminating", 0)
        if ending > 0:
            detail = "terminating>0 is invalid for finished job"
            yield invalid("status.terminating", ending, detail)
    if ready > active:
        yield invalid("status.ready", ready, "cannot set more ready pods than active")


def _indexes(job: Object, status: Object) -> Causes:
    spec = job["spec"]
    done, failed = status.get("completedIndexes"), status.get("failedIndexes")
    completions = spec.get("completions")
    read: dict[str, list[tuple[int, int]]] = {}
    if completions is not None:
        for field, text in (("completedIndexes", done), ("failedIndexes", failed)):
            if text is None or (field == "failedIndexes" and "backoffLimitPerIndex" not in spec):
                continue
            try:
                read[field] = read_indexes(text, completions)
            except ValueError as error:
                yield invalid(f"status.{field}", text, f"error parsing {field}: {error}")
    if done and spec.get("completionMode") != "Indexed":
        detail = "cannot set non-empty completedIndexes when non-indexed completion mode"
        yield invalid("status.completedIndexes", done, detail)
    if failed is not None and "backoffLimitPerIndex" not in spec:
        detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null"
        yield invalid("status.failedIndexes", failed, detail)
    both = _first_common(read.get("completedIndexes", []), read.get("failedIndexes", []))
    if both is not None:
        detail = f"failedIndexes and completedIndexes overlap at index: {both}"
        yield invalid("status.failedIndexes", failed, detail)
