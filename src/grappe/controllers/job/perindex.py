"""`backoffLimitPerIndex`: each index of an Indexed Job fails by itself. Pure.

How often an index has failed is written on the pod that works for it. A failed pod is held, with
its finalizer and uncounted, until its index has another pod, which carries the count on, or is
over: wherever one is killed in between, the count is there.
https://kubernetes.io/docs/concepts/workloads/controllers/job/#backoff-limit-per-index (KEP-3850)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from grappe.api import Object
from grappe.controllers.job import indexes
from grappe.controllers.job.backoff import finished_at, wait_after
from grappe.controllers.job.counting import (
    FINALIZER,
    Tally,
    completions,
    has_failed,
    index_of,
    is_indexed,
)
from grappe.controllers.job.policy import judge
from grappe.controllers.pods import INDEX_FAILURES, INDEX_IGNORED_FAILURES, is_active

_MOST = 2**31 - 1


@dataclass(frozen=True, slots=True)
class PerIndex:
    """`failed` are the indexes that failed for good; `held` the failed pods, by index, that wait
    for the pod that replaces them."""

    failed: frozenset[int] = frozenset()
    held: Mapping[int, Object] = field(default_factory=dict)

    def hold_back(self, count: Tally) -> Tally:
        """The tally of a Job that goes on: held pods are neither counted nor released yet."""
        uids = {pod["metadata"]["uid"] for pod in self.held.values()}
        if not uids:
            return count
        return replace(
            count,
            uncounted_failed=tuple(uid for uid in count.uncounted_failed if uid not in uids),
            release=tuple(p for p in count.release if p["metadata"]["uid"] not in uids),
        )


def limit_per_index(job: Object) -> int | None:
    """How many failures an index may have; None where failures are not told apart by index."""
    stated = job["spec"].get("backoffLimitPerIndex")
    return int(stated) if stated is not None and is_indexed(job) else None


def look(job: Object, pods: Sequence[Object], completed: frozenset[int]) -> PerIndex:
    """What the failures of `pods`, all that the Job owns, mean for their indexes."""
    limit = limit_per_index(job)
    if limit is None:
        return PerIndex()
    below = completions(job) or 0
    known = indexes.parse((job.get("status") or {}).get("failedIndexes") or "", below)
    new: dict[int, list[Object]] = {}
    for pod in pods:
        index = index_of(pod)
        if index is None or index >= below or index in completed or not has_failed(job, pod):
            continue
        if FINALIZER in (pod["metadata"].get("finalizers") or ()):
            new.setdefault(index, []).append(pod)
    failed = known | {i for i, found in new.items() if any(_is_last(job, p, limit) for p in found)}
    busy = {index_of(p) for p in pods if is_active(p)}
    held = {i: _latest(found) for i, found in new.items() if i not in failed and i not in busy}
    return PerIndex(frozenset(failed - completed), held)


def _is_last(job: Object, pod: Object, limit: int) -> bool:
    """Whether its index has failed for good with this failed pod."""
    action = judge(job, pod).action
    return action == "FailIndex" or (action != "Ignore" and _count(pod, INDEX_FAILURES) >= limit)


def _latest(pods: Iterable[Object]) -> Object:
    return max(pods, key=lambda p: (_all_failures(p), finished_at(p)))


def _count(pod: Object, annotation: str) -> int:
    """The number in an annotation; 0 where it is none that Kubernetes would write."""
    text = str((pod["metadata"].get("annotations") or {}).get(annotation) or "")
    if not (text.isascii() and text.isdigit() and len(text) <= 10):
        return 0
    return int(text) if int(text) <= _MOST else 0


def _all_failures(pod: Object) -> int:
    return _count(pod, INDEX_FAILURES) + _count(pod, INDEX_IGNORED_FAILURES)


def retry_at(held: Object) -> float:
    """From when on a failed pod's index may have another."""
    return finished_at(held) + wait_after(_all_failures(held) + 1)


def failure_annotations(job: Object, replaced: Object | None) -> dict[str, str]:
    """What a new pod knows of the failures of its index before it; `replaced` is the last."""
    if limit_per_index(job) is None:
        return {}
    failures = ignored = 0
    if replaced is not None:
        failures = _count(replaced, INDEX_FAILURES)
        ignored = _count(replaced, INDEX_IGNORED_FAILURES)
        if judge(job, replaced).action == "Ignore":
            ignored += 1
        else:
            failures += 1
    found = {INDEX_FAILURES: str(failures)}
    if ignored:
        found[INDEX_IGNORED_FAILURES] = str(ignored)
    return found
