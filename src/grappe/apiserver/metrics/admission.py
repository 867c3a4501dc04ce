"""How long admission takes."""

from __future__ import annotations

from collections.abc import Awaitable
from time import perf_counter

from grappe.api.errors import ApiError
from grappe.apiserver.registry.interface import Admission, AdmissionRequest
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
        self._series: dict[tuple[str, str, str], Distribution] = {}

    async def admit(self, request: AdmissionRequest) -> None:
        await self._time(self._admission.admit(request), request.operation, "admit")

    async def validate(self, request: AdmissionRequest) -> None:
        await self._time(self._admission.validate(request), request.operation, "validate")

    async def _time(self, phase: Awaitable[None], operation: str, kind: str) -> None:
        rejected = "false"
        started = perf_counter()
        try:
            await phase
        except ApiError:
            rejected = "true"
            raise
        finally:
            labels = (operation, rejected, kind)
            series = self._series.get(labels)
            if series is None:
                series = self._series[labels] = self._seconds.series(labels)
            series.observe(perf_counter() - started)
