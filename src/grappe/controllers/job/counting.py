"""Counting finished pods exactly once. Pure.

A finished pod is first written into `status.uncountedTerminatedPods`, then loses its finalizer,
then is counted. Wherever one is killed in between, what is there says how to go on: no pod can
vanish uncounted, because the finalizer holds it, and none is counted twice, because it is counted
when its uid leaves the list. A completed index needs no list: a set counts it once.
https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-tracking-with-finalizers
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grappe.api import Object
from grappe.controllers.job import indexes
from grappe.controllers.job.policy import judge
from grappe.controllers.pods import COMPLETION_INDEX, is_terminating, phase

FINALIZER = "batch.kubernetes.io/job-tracking"


@dataclass(frozen=True, slots=True)
class Tally:
    """`succeeded` and `failed` are what has been counted; `uncounted_…` are uids written down and
    not counted yet; `release` are the pods whose finalizer may go once all that is written."""

    succeeded: int
    failed: int
    uncounted_succeeded: tuple[str, ...]
    uncounted_failed: tuple[str, ...]
    completed: frozenset[int]
    release: tuple[Object, ...]

    @property
    def all_succeeded(self) -> int:
        return self.succeeded + len(self.uncounted_succeeded)

    @property
    def all_failed(self) -> int:
        return self.failed + len(self.uncounted_failed)

    @property
    def is_settled(self) -> bool:
        """Nothing is left to be counted."""
        return not (self.uncounted_succeeded or self.uncounted_failed or self.release)


def is_indexed(job: Object) -> bool:
    return bool(job["spec"].get("completionMode") == "Indexed")


def completions(job: Object) -> int | None:
    """`spec.completions`; None: one success is enough and the others may end as they like."""
    stated = job["spec"].get("completions")
    return None if stated is None else int(stated)


def index_of(pod: Object) -> int | None:
    """The completion index a pod works for."""
    try:
        index = int((pod["metadata"].get("annotations") or {})[COMPLETION_INDEX])
    except (KeyError, ValueError):
        return None
    return index if index >= 0 else None


def has_failed(job: Object, pod: Object) -> bool:
    """Whether a pod counts as failed: also one that is being deleted before its time, unless
    the Job replaces pods only when they have failed for good."""
    if phase(pod) == "Failed":
        return True
    waits = job["spec"].get("podReplacementPolicy") == "Failed"
    return not waits and is_terminating(pod) and phase(pod) != "Succeeded"


def tally(job: Object, pods: Sequence[Object], *, failing: bool = False) -> Tally:
    """What `pods`, all that the Job owns, add to what has been counted; `failing`: the Job is
    over, and what has not succeeded by now has failed."""
    status = job.get("status") or {}
    written = status.get("uncountedTerminatedPods") or {}
    tracked = {
        p["metadata"]["uid"]: p
        for p in pods
        if FINALIZER in (p["metadata"].get("finalizers") or ())
    }
    # Written down before and without the finalizer by now: counted.
    succeeded = {uid for uid in written.get("succeeded") or () if uid in tracked}
    failed = {uid for uid in written.get("failed") or () if uid in tracked}
    counted_succeeded = int(status.get("succeeded") or 0)
    counted_failed = int(status.get("failed") or 0)
    counted_failed += len(written.get("failed") or ()) - len(failed)
    completed: set[int] = set()
    lost: set[int] = set()  # an index that failed for good stays so, whatever ends later
    limit = completions(job) or 0
    if is_indexed(job):
        completed = indexes.parse(status.get("completedIndexes") or "", limit)
        lost = indexes.parse(status.get("failedIndexes") or "", limit)
    else:
        counted_succeeded += len(written.get("succeeded") or ()) - len(succeeded)
    release: list[Object] = []
    for uid, pod in tracked.items():
        index = index_of(pod) if is_indexed(job) else None
        is_ours = not is_indexed(job) or (index is not None and index < limit)
        if uid in failed:
            pass  # whatever it came to since
        elif phase(pod) == "Succeeded":
            if not is_indexed(job):
                succeeded.add(uid)
            elif index is not None and is_ours and index not in lost:
                completed.add(index)
        elif failing or has_failed(job, pod):
            if is_ours and judge(job, pod).action != "Ignore":
                failed.add(uid)
        else:
            continue
        release.append(pod)
    return Tally(
        succeeded=len(completed) if is_indexed(job) else counted_succeeded,
        failed=counted_failed,
        uncounted_succeeded=tuple(sorted(succeeded)),
        uncounted_failed=tuple(sorted(failed)),
        completed=frozenset(completed),
        release=tuple(release),
    )
