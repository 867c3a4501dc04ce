"""Health of what extends the API, and of an Application inside an Application."""

from __future__ import annotations

from grappe.api import Object
from grappe.delivery.health.verdict import Health


def _conditions(obj: Object) -> dict[str, Object]:
    return {c["type"]: c for c in (obj.get("status") or {}).get("conditions") or ()}


def custom_resource_definition(obj: Object) -> Health:
    conditions = _conditions(obj)
    if not conditions:
        return Health("Progressing", "Status conditions not found")

    def is_(condition: str, status: str) -> bool:
        return bool(conditions.get(condition, {}).get("status") == status)

    def told(condition: str) -> str:
        return str(conditions.get(condition, {}).get("message", ""))

    if is_("Terminating", "True"):
        return Health("Progressing", f"CRD is being terminated: {told('Terminating')}")
    if is_("NamesAccepted", "False"):
        return Health("Degraded", f"CRD names have not been accepted: {told('NamesAccepted')}")
    if not is_("Established", "True"):
        return Health("Degraded", f"CRD is not established: {told('Established')}")
    if is_("NonStructuralSchema", "True"):
        return Health("Degraded", f"Schema violations found: {told('NonStructuralSchema')}")
    return Health("Healthy", "CRD is healthy")


def api_service(obj: Object) -> Health:
    available = _conditions(obj).get("Available")
    if available is None:
        return Health("Progressing", "Waiting to be processed")
    told = f"{available.get('reason', '')}: {available.get('message', '')}"
    return Health("Healthy" if available.get("status") == "True" else "Progressing", told)


def application(obj: Object) -> Health:
    """Its own health, as its status says; what is Missing or Unknown inside is no trouble of
    the Application around it."""
    health = (obj.get("status") or {}).get("health") or {}
    status = health.get("status")
    if status in ("Healthy", "Suspended", "Progressing", "Degraded"):
        return Health(status, health.get("message", ""))
    return Health("Progressing", "Waiting for the application to be reconciled")
