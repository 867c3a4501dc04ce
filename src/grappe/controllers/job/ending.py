"""When a Job ends, and how: the first rule that says so. Pure.

https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-termination-and-cleanup
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from grappe.api import Object
from grappe.base.clock import parse_rfc3339
from grappe.controllers.job import indexes
from grappe.controllers.job.counting import FINALIZER, Tally, completions, is_indexed
from grappe.controllers.job.perindex import PerIndex, limit_per_index
from grappe.controllers.job.policy import judge
from grappe.controllers.pods import is_active, phase
from grappe.reconcile import conditions


class Ending(NamedTuple):
    """`condition`, SuccessCriteriaMet or FailureTarget, is said at once; Complete or Failed, for
    the same reason, when no pod is left."""

    condition: str
    reason: str
    message: str

    @property
    def is_success(self) -> bool:
        return self.condition == "SuccessCriteriaMet"


def _failure(reason: str, message: str) -> Ending:
    return Ending("FailureTarget", reason, message)


def standing(job: Object) -> Ending | None:
    """What was decided before and is being carried out."""
    for kind in ("SuccessCriteriaMet", "FailureTarget"):
        found = conditions.find(job, kind)
        if found is not None and found.get("status") == "True":
            return Ending(kind, found.get("reason") or "", found.get("message") or "")
    return None


def deadline(job: Object, start_time: str | None) -> float | None:
    """When `activeDeadlineSeconds` are over; None where that clock does not run."""
    seconds = job["spec"].get("activeDeadlineSeconds")
    if seconds is None or start_time is None or job["spec"].get("suspend"):
        return None
    return parse_rfc3339(start_time) + float(seconds)


def ending(
    job: Object,
    pods: Sequence[Object],
    count: Tally,
    per_index: PerIndex,
    late: bool,
) -> Ending | None:
    """Failures come before successes, as in Kubernetes; `late`: the deadline has passed."""
    return (
        _by_failure_policy(job, pods)
        or _by_backoff_limit(job, pods, count)
        or (_failure("DeadlineExceeded", _LATE) if late else None)
        or _by_failed_indexes(job, count, per_index)
        or _by_success_policy(job, count)
        or _by_completions(job, pods, count)
    )


_LATE = "Job was active longer than specified deadline"


def _by_failure_policy(job: Object, pods: Sequence[Object]) -> Ending | None:
    for pod in pods:
        if phase(pod) == "Failed" and FINALIZER in (pod["metadata"].get("finalizers") or ()):
            found = judge(job, pod)
            if found.action == "FailJob":
                return _failure("PodFailurePolicy", found.message)
    return None


def _by_backoff_limit(job: Object, pods: Sequence[Object], count: Tally) -> Ending | None:
    limit = job["spec"].get("backoffLimit")
    most = 6 if limit is None else int(limit)
    if count.all_failed > most or _restarted_too_often(job, pods, most):
        return _failure("BackoffLimitExceeded", "Job has reached the specified backoff limit")
    return None


def _restarted_too_often(job: Object, pods: Sequence[Object], most: int) -> bool:
    """Where containers restart in place, their restarts count as failures."""
    if job["spec"]["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    restarts = sum(
        container.get("restartCount") or 0
        for pod in pods
        if phase(pod) in ("Running", "Pending")
        for kind in ("initContainerStatuses", "containerStatuses")
        for container in (pod.get("status") or {}).get(kind) or ()
    )
    return restarts > 0 if most == 0 else restarts >= most


def _by_failed_indexes(job: Object, count: Tally, per_index: PerIndex) -> Ending | None:
    if limit_per_index(job) is None:
        return None
    failed, most = len(per_index.failed), job["spec"].get("maxFailedIndexes")
    if most is not None and failed > most:
        return _failure(
            "MaxFailedIndexesExceeded",
            "Job has exceeded the specified maximal number of failed indexes",
        )
    if failed and failed + len(count.completed) >= (completions(job) or 0):
        return _failure("FailedIndexes", "Job has failed indexes")
    return None


def _by_success_policy(job: Object, count: Tally) -> Ending | None:
    """https://kubernetes.io/docs/concepts/workloads/controllers/job/#success-policy (KEP-3998)"""
    policy = job["spec"].get("successPolicy")
    if not policy or not is_indexed(job) or not count.completed:
        return None
    for number, rule in enumerate(policy.get("rules") or ()):
        if _is_met(rule, count.completed, completions(job) or 0):
            message = f"Matched rules at index {number}"
            return Ending("SuccessCriteriaMet", "SuccessPolicy", message)
    return None


def _is_met(rule: Object, completed: frozenset[int], below: int) -> bool:
    least, listed = rule.get("succeededCount"), rule.get("succeededIndexes")
    if listed is None:
        return least is not None and len(completed) >= least
    wanted = indexes.parse(listed, below)
    done = len(wanted & completed)
    return bool(wanted) and (done == len(wanted) or (least is not None and done >= least))


def _by_completions(job: Object, pods: Sequence[Object], count: Tally) -> Ending | None:
    wanted = completions(job)
    if wanted is None:
        done = count.all_succeeded > 0 and not any(map(is_active, pods))
    else:
        done = count.all_succeeded >= wanted
    if not done:
        return None
    message = "Reached expected number of succeeded pods"
    return Ending("SuccessCriteriaMet", "CompletionsReached", message)
