"""Volumes and claims: their first phase."""

from __future__ import annotations

from grappe.api import Object
from grappe.apiserver.registry.strategies.base import Strategy


class PendingStrategy(Strategy):
    """Persistent volumes and claims wait for each other from the start."""

    returns_deleted = True

    def initial_status(self, obj: Object) -> Object:
        return {"phase": "Pending"}
