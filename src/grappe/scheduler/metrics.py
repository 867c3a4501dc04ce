"""What the scheduler counts, under the names of kube-scheduler."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from grappe.base.metrics import PROCESS, Counter, Gauge, Histogram, Labels, exponential
from grappe.scheduler.pods import DEFAULT_SCHEDULER

_LABELS = ("profile", "result")
_ATTEMPTS = PROCESS.add(
    Counter("scheduler_schedule_attempts_total", "Attempts to place a pod, by result.", _LABELS)
)
_SECONDS = PROCESS.add(
    Histogram(
        "scheduler_scheduling_attempt_duration_seconds",
        "Seconds of deciding where a pod goes.",
        exponential(0.0001, 2, 16),
        _LABELS,
    )
)
_pending: Callable[[], Mapping[str, int]] = dict


def _read() -> Iterator[tuple[Labels, float]]:
    for queue, pods in _pending().items():
        yield (queue,), pods


PROCESS.add(Gauge("scheduler_pending_pods", "Pods that wait, by queue.", ("queue",), _read))


def attempted(result: str, seconds: float) -> None:
    """One more attempt: `scheduled` or `unschedulable`."""
    labels = (DEFAULT_SCHEDULER, result)
    _ATTEMPTS.inc(labels)
    _SECONDS.observe(seconds, labels)


def failed() -> None:
    """A pod was placed and could not be bound."""
    _ATTEMPTS.inc((DEFAULT_SCHEDULER, "error"))


def show_pending(pending: Callable[[], Mapping[str, int]]) -> None:
    """From now on tell these numbers of waiting pods."""
    global _pending
    _pending = pending
