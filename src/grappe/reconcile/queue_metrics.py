"""What work queues count, under the names of client-go (`workqueue_*`)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sized
from time import perf_counter
from weakref import WeakValueDictionary

from grappe.base.metrics import PROCESS, Counter, Gauge, Histogram, Labels, exponential

_NAME = ("name",)
_SECONDS = exponential(10e-9, 10, 10)
_queues: WeakValueDictionary[str, Sized] = WeakValueDictionary()


def _depths() -> Iterator[tuple[Labels, float]]:
    for name, queue in sorted(_queues.items()):
        yield (name,), len(queue)


PROCESS.add(Gauge("workqueue_depth", "Keys that are ready to be worked on.", _NAME, _depths))
_ADDS = PROCESS.add(Counter("workqueue_adds_total", "Keys added.", _NAME))
_RETRIES = PROCESS.add(Counter("workqueue_retries_total", "Keys added after a failure.", _NAME))
_WAITS = PROCESS.add(
    Histogram("workqueue_queue_duration_seconds", "Seconds a key waited for work.", _SECONDS, _NAME)
)
_WORK = PROCESS.add(
    Histogram("workqueue_work_duration_seconds", "Seconds of work on a key.", _SECONDS, _NAME)
)


class QueueMetrics:
    """Of one queue. Queues of one name are counted as one; the youngest tells the depth."""

    def __init__(self, name: str, queue: Sized) -> None:
        self._labels = (name,)
        self._waits = _WAITS.series(self._labels)
        self._work = _WORK.series(self._labels)
        self._since: dict[Hashable, float] = {}
        self._begun: dict[Hashable, float] = {}
        _queues[name] = queue

    def added(self, key: Hashable) -> None:
        _ADDS.inc(self._labels)
        self._since[key] = perf_counter()

    def failed(self) -> None:
        _RETRIES.inc(self._labels)

    def taken(self, key: Hashable) -> None:
        now = self._begun[key] = perf_counter()
        self._waits.observe(now - self._since.pop(key, now))

    def done(self, key: Hashable) -> None:
        begun = self._begun.pop(key, None)
        if begun is not None:
            self._work.observe(perf_counter() - begun)
