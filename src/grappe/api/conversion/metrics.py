"""Metrics of an autoscaler in the form of v1, where they stand in annotations, and of v2.

v2 says `{type: Pods, pods: {metric: {name, selector}, target: {type, averageValue}}}`, v1 the same
as `{type: Pods, pods: {metricName, selector, targetAverageValue}}`. The target of a specification
becomes the `current` value of a status.
"""

from __future__ import annotations

from typing import Any, Literal

from grappe.api import Object

Side = Literal["target", "current"]

_FIELDS = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}


def metric_to_v1(metric: Object, side: Side) -> Object:
    """One metric of v2 in the form of v1; what is not understood stays as it is."""
    field = _FIELDS.get(str(metric.get("type")))
    source = metric.get(field or "")
    if field is None or not isinstance(source, dict):
        return metric
    amount = source.get(side) or {}
    found: Object = {}
    if field in ("resource", "containerResource"):
        _copy(source, found, {"name": "name", "container": "container"})
        _copy(amount, found, {"averageUtilization": f"{side}AverageUtilization"})
        _copy(amount, found, {"averageValue": f"{side}AverageValue"})
    else:
        identity = source.get("metric") or {}
        selector = "metricSelector" if field == "external" else "selector"
        _copy(identity, found, {"name": "metricName", "selector": selector})
        _copy(source, found, {"describedObject": "target"})
        average = "averageValue" if field == "object" else f"{side}AverageValue"
        _copy(amount, found, {"value": f"{side}Value", "averageValue": average})
    return {"type": metric["type"], field: found}


def metric_to_v2(metric: Object, side: Side) -> Object:
    """One metric of v1 in the form of v2; what is not understood stays as it is."""
    field = _FIELDS.get(str(metric.get("type")))
    source = metric.get(field or "")
    if field is None or not isinstance(source, dict):
        return metric
    found: Object = {}
    amount: Object = {}
    if field in ("resource", "containerResource"):
        _copy(source, found, {"name": "name", "container": "container"})
        _copy(source, amount, {f"{side}AverageUtilization": "averageUtilization"})
        _copy(source, amount, {f"{side}AverageValue": "averageValue"})
    else:
        identity: Object = {}
        selector = "metricSelector" if field == "external" else "selector"
        _copy(source, identity, {"metricName": "name", selector: "selector"})
        found["metric"] = identity
        _copy(source, found, {"target": "describedObject"} if field == "object" else {})
        average = "averageValue" if field == "object" else f"{side}AverageValue"
        _copy(source, amount, {f"{side}Value": "value", average: "averageValue"})
    found[side] = amount if side == "current" else {"type": _target_type(amount), **amount}
    return {"type": metric["type"], field: found}


def _target_type(amount: Object) -> str:
    if "averageUtilization" in amount:
        return "Utilization"
    return "AverageValue" if "averageValue" in amount else "Value"


def _copy(source: Any, target: Object, names: dict[str, str]) -> None:
    for name, other in names.items():
        if isinstance(source, dict) and source.get(name) is not None:
            target[other] = source[name]
