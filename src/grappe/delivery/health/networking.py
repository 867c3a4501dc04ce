"""Health of what gets an address from outside."""

from __future__ import annotations

from grappe.api import Object
from grappe.delivery.health.verdict import Health


def service(obj: Object) -> Health:
    if (obj.get("spec") or {}).get("type") != "LoadBalancer" or _has_address(obj):
        return Health("Healthy")
    return Health("Progressing")


def ingress(obj: Object) -> Health:
    return Health("Healthy") if _has_address(obj) else Health("Progressing")


def _has_address(obj: Object) -> bool:
    balancer = (obj.get("status") or {}).get("loadBalancer") or {}
    return bool(balancer.get("ingress"))
