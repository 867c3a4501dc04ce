"""Health states and their order."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

HealthStatus: TypeAlias = Literal[
    "Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"
]

_ORDER: tuple[HealthStatus, ...] = (
    "Healthy",
    "Suspended",
    "Progressing",
    "Missing",
    "Degraded",
    "Unknown",
)


class Health(NamedTuple):
    status: HealthStatus
    message: str = ""


def worst(a: HealthStatus, b: HealthStatus) -> HealthStatus:
    return a if _ORDER.index(a) >= _ORDER.index(b) else b
