"""`maxSurge` and `maxUnavailable` as numbers of pods."""

from __future__ import annotations

from typing import NamedTuple

from grappe.api import Object
from grappe.controllers.deployment.rollout import replicas


class Limits(NamedTuple):
    """How many pods there may be beyond `replicas`, and how many of `replicas` may be missing."""

    surge: int
    unavailable: int


def scaled(value: int | str | None, of: int, *, up: bool, default: int | str) -> int:
    """A number, or a percentage of `of` rounded up or down."""
    stated = default if value is None else value
    if isinstance(stated, str):
        share = int(stated.rstrip("%")) * of
        return -(-share // 100) if up else share // 100
    return stated


def is_rolling(deployment: Object) -> bool:
    """Whether the strategy is RollingUpdate, which is also the default."""
    return (deployment["spec"].get("strategy") or {}).get("type") != "Recreate"


def limits(deployment: Object) -> Limits:
    """Surge is rounded up and unavailability down; both 0 would never move, so one pod may then
    be missing. https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#max-unavailable
    """
    size = replicas(deployment)
    if not is_rolling(deployment) or not size:
        return Limits(0, 0)
    stated = (deployment["spec"].get("strategy") or {}).get("rollingUpdate") or {}
    surge = scaled(stated.get("maxSurge"), size, up=True, default="25%")
    missing = scaled(stated.get("maxUnavailable"), size, up=False, default="25%")
    if not surge and not missing:
        missing = 1
    return Limits(surge, min(missing, size))
