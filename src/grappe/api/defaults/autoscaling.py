"""Defaults of HorizontalPodAutoscaler, in either version."""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.defaults.fields import fill, part

_CPU: dict[str, Any] = {
    "type": "Resource",
    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
}
_BY_PERCENT = {"type": "Percent", "value": 100, "periodSeconds": 15}
_BY_PODS = {"type": "Pods", "value": 4, "periodSeconds": 15}


def _autoscaler(obj: Object) -> None:
    spec = part(obj, "spec")
    fill(spec, {"minReplicas": 1})
    if obj.get("apiVersion") == "autoscaling/v1":
        return
    if not spec.get("metrics"):
        spec["metrics"] = [{**_CPU, "resource": {**_CPU["resource"]}}]
    behavior = spec.get("behavior")
    if behavior is None:
        return
    up = part(behavior, "scaleUp")
    fill(up, {"stabilizationWindowSeconds": 0, "selectPolicy": "Max"})
    if not up.get("policies"):
        up["policies"] = [dict(_BY_PODS), dict(_BY_PERCENT)]
    down = part(behavior, "scaleDown")
    fill(down, {"selectPolicy": "Max"})
    if not down.get("policies"):
        down["policies"] = [dict(_BY_PERCENT)]


DEFAULTS = {"HorizontalPodAutoscaler": _autoscaler}
