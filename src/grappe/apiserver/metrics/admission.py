"""How long admission takes."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Awaitable, Callable
from time import perf_counter

from grappe.api.errors import ApiError
from grappe.apiserver.registry.interface import DONE, Admission, AdmissionRequest
from grappe.base.metrics import Distribution, Histogram, Registry

_SECONDS = (0.005, 0.025, 0.1, 0.5, 1.0, 2.5)


class TimedAdmission:
    """An Admission that measures another. Single plugins are not timed: most take less than the
    look at the clock."""

    def __init__(self, admission: Admission, registry: Registry) -> None:
        self._admission = admission
        self._seconds = registry.add(
            Histogram(
                "apiserver_admission_step_admission_duration_seconds",
                "Seconds of a phase of admission.",
                _SECONDS,
                ("operation", "rejected", "type"),
            )
        )
        self._accepted: dict[tuple[str, str], Distribution] = {}

    def admit(self, request: AdmissionRequest) -> Awaitable[None]:
        return self._time(self._admission.admit, request, "admit")

    def validate(self, request: AdmissionRequest) -> Awaitable[None]:
        return self._time(self._admission.validate, request, "validate")

    def _time(
        self,
        phase: Callable[[AdmissionRequest], Awaitable[None]],
        request: AdmissionRequest,
        kind: str,
    ) -> Awaitable[None]:
        started = perf_counter()
        try:
            waiting = phase(request)
        except ApiError:
            self._observe(started, request.operation, "true", kind)
            raise
        if waiting is not DONE:
            return self._time_rest(waiting, started, request.operation, kind)
        series = self._accepted.get((request.operation, kind))
        if series is None:
            series = self._of(request.operation, "false", kind)
            self._accepted[request.operation, kind] = series
        seconds = perf_counter() - started
        series.counts[bisect_left(_SECONDS, seconds)] += 1
        series.total += seconds
        return DONE

    async def _time_rest(
        self, waiting: Awaitable[None], started: float, operation: str, kind: str
    ) -> None:
        rejected = "false"
        try:
            await waiting
        except ApiError:
            rejected = "true"
            raise
        finally:
            self._observe(started, operation, rejected, kind)

    def _observe(self, started: float, operation: str, rejected: str, kind: str) -> None:
        self._of(operation, rejected, kind).observe(perf_counter() - started)

    def _of(self, operation: str, rejected: str, kind: str) -> Distribution:
        return self._seconds.series((operation, rejected, kind))
