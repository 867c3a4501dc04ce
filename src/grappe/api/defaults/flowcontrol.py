"""Defaults of API priority and fairness."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.defaults.fields import fill, part


def _flow_schema(obj: Object) -> None:
    spec = part(obj, "spec")
    if not spec.get("matchingPrecedence"):
        spec["matchingPrecedence"] = 1000


def _priority_level(obj: Object) -> None:
    spec = part(obj, "spec")
    if spec.get("type") == "Exempt":
        fill(part(spec, "exempt"), {"nominalConcurrencyShares": 0, "lendablePercent": 0})
    limited = spec.get("limited")
    if not isinstance(limited, dict):
        return
    fill(limited, {"nominalConcurrencyShares": 30, "lendablePercent": 0})
    queuing = (limited.get("limitResponse") or {}).get("queuing")
    if isinstance(queuing, dict):
        for name, value in (("handSize", 8), ("queues", 64), ("queueLengthLimit", 50)):
            if not queuing.get(name):
                queuing[name] = value


DEFAULTS = {"FlowSchema": _flow_schema, "PriorityLevelConfiguration": _priority_level}
