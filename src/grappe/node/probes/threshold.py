"""From single probe results to a verdict (pure).

https://kubernetes.io/docs/tasks/configure-pod-container/configure-liveness-readiness-startup-probes/
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from grappe.api import Object

Kind = Literal["startup", "readiness", "liveness"]
FIELDS: dict[Kind, str] = {
    "startup": "startupProbe",
    "readiness": "readinessProbe",
    "liveness": "livenessProbe",
}


@dataclass(frozen=True, slots=True)
class Settings:
    """A probe's numbers, in seconds."""

    initial_delay: float
    period: float
    timeout: float
    success_threshold: int
    failure_threshold: int

    @classmethod
    def of(cls, probe: Object) -> Settings:
        """With the defaults of the API."""
        return cls(
            float(probe.get("initialDelaySeconds") or 0),
            float(probe.get("periodSeconds") or 10),
            float(probe.get("timeoutSeconds") or 1),
            int(probe.get("successThreshold") or 1),
            int(probe.get("failureThreshold") or 3),
        )


@dataclass(slots=True)
class Verdict:
    """`good` changes only after enough equal results in a row. Readiness begins bad, liveness
    good, startup bad (not started)."""

    settings: Settings
    good: bool
    last: bool | None = None
    in_a_row: int = 0

    def take(self, success: bool) -> bool:
        """Count one result; True when a threshold has just been reached (again)."""
        self.in_a_row = self.in_a_row + 1 if self.last == success else 1
        self.last = success
        needed = self.settings.success_threshold if success else self.settings.failure_threshold
        if self.in_a_row < needed:
            return False
        self.good = success
        return True


def early_delays(settings: Settings) -> list[float]:
    """Waits between extra attempts, within the first period, of a container that is not ready yet.

    Kubernetes allows them so that pods become ready sooner: "While a Container is not Ready, the
    ReadinessProbe may be executed at times other than the configured periodSeconds interval".
    """
    delays: list[float] = []
    spent, delay = 0.0, 0.05
    while spent + delay < settings.period - 0.05 and len(delays) < 8:
        delays.append(delay)
        spent += delay
        delay *= 1.6
    return delays
