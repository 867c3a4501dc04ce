"""Health of claims on storage."""

from __future__ import annotations

from grappe.api import Object
from grappe.delivery.health.verdict import Health


def persistent_volume_claim(obj: Object) -> Health:
    phase = (obj.get("status") or {}).get("phase")
    if phase == "Lost":
        return Health("Degraded")
    if phase == "Pending":
        return Health("Progressing")
    return Health("Healthy") if phase == "Bound" else Health("Unknown")
