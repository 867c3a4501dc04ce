"""How APIServices are written: what this server answers itself is available from the start."""

from __future__ import annotations

from grappe.api import Object
from grappe.apiserver.registry.strategies.base import Strategy

LOCAL = ("True", "Local", "Local APIServices are always available")


class ApiServiceStrategy(Strategy):
    def initial_status(self, obj: Object) -> Object:
        if (obj.get("spec") or {}).get("service"):
            return {}
        status, reason, message = LOCAL
        condition = {
            "type": "Available",
            "status": status,
            "reason": reason,
            "message": message,
            "lastTransitionTime": obj["metadata"].get("creationTimestamp"),
        }
        return {"conditions": [condition]}
