"""How a live object is doing, as Argo CD judges it: pure functions of the object, which must never
look at another one.

https://argo-cd.readthedocs.io/en/stable/operator-manual/health/
"""

from __future__ import annotations

from collections.abc import Iterable

from grappe.api import Object
from grappe.delivery.health.assessments import ASSESSMENTS
from grappe.delivery.health.verdict import Health, HealthStatus, worst

__all__ = ["Health", "HealthStatus", "aggregate", "assess"]

_IGNORE = "argocd.argoproj.io/ignore-healthcheck"


def assess(obj: Object) -> Health | None:
    """None for kinds that have no health (a ConfigMap is there or it is not)."""
    if obj["metadata"].get("deletionTimestamp"):
        return Health("Progressing", "Pending deletion")
    group = obj["apiVersion"].rpartition("/")[0]
    assessment = ASSESSMENTS.get((group, obj["kind"]))
    return None if assessment is None else assessment(obj)


def aggregate(resources: Iterable[tuple[Object | None, Health | None]]) -> HealthStatus:
    """The Application's health: the worst of its resources', of those that have one.

    Each is its live object (None: missing) and its health.
    """
    found: HealthStatus = "Healthy"
    for live, health in resources:
        if live is not None and (live["metadata"].get("annotations") or {}).get(_IGNORE) == "true":
            continue
        status: HealthStatus | None = "Missing" if live is None else health and health.status
        if status is not None:
            found = worst(found, status)
    return found
