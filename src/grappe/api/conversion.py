"""Between the versions of one kind: how an object of one is stored as, and read from, another.

Only two built-in kinds have versions that differ in more than `apiVersion`: events (core and
events.k8s.io) and HorizontalPodAutoscaler (v1 and v2). Converting there and back loses nothing.
Arguments are left alone; parts may be shared.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from grappe.api import Object

Convert: TypeAlias = Callable[[Object], Object]


class Conversion(NamedTuple):
    """How one version is stored: `storage_version` is the `apiVersion` of what is stored."""

    storage_version: str
    to_storage: Convert
    from_storage: Convert


# -- events ----------------------------------------------------------------------------------------

_EVENT_FIELDS = {
    "note": "message",
    "regarding": "involvedObject",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}
_EVENT_FIELDS_BACK = {core: new for new, core in _EVENT_FIELDS.items()}


def _renamed(obj: Object, names: Mapping[str, str], api_version: str) -> Object:
    return {**{names.get(k, k): v for k, v in obj.items()}, "apiVersion": api_version}


def _event_to_core(event: Object) -> Object:
    return _renamed(event, _EVENT_FIELDS, "v1")


def _event_from_core(event: Object) -> Object:
    return _renamed(event, _EVENT_FIELDS_BACK, "events.k8s.io/v1")


# -- autoscalers -----------------------------------------------------------------------------------

_METRICS = "autoscaling.alpha.kubernetes.io/metrics"
_BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior"
_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
_CURRENT_METRICS = "autoscaling.alpha.kubernetes.io/current-metrics"
_CPU = "targetCPUUtilizationPercentage"
_CURRENT_CPU = "currentCPUUtilizationPercentage"


def _cpu_target(metric: Object) -> Any:
    """The utilization a metric asks of the CPU, when that is all it says."""
    resource = metric.get("resource") or {}
    target = resource.get("target") or {}
    if metric.get("type") == "Resource" and resource.get("name") == "cpu":
        return target.get("averageUtilization")
    return None


def _cpu_metric(utilization: Any) -> Object:
    target = {"type": "Utilization", "averageUtilization": utilization}
    return {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def _autoscaler_to_v1(obj: Object) -> Object:
    """What v1 has no field for travels in annotations."""
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    annotations: dict[str, str] = {}
    others = []
    for metric in spec.pop("metrics", None) or ():
        cpu = _cpu_target(metric)
        if cpu is not None and _CPU not in spec:
            spec[_CPU] = cpu
        else:
            others.append(metric)
    if others:
        annotations[_METRICS] = _text(others)
    if "behavior" in spec:
        annotations[_BEHAVIOR] = _text(spec.pop("behavior"))
    if "conditions" in status:
        annotations[_CONDITIONS] = _text(status.pop("conditions"))
    current = status.pop("currentMetrics", None) or []
    for metric in current:
        resource = metric.get("resource") or {}
        cpu = (resource.get("current") or {}).get("averageUtilization")
        if metric.get("type") == "Resource" and resource.get("name") == "cpu" and cpu is not None:
            status[_CURRENT_CPU] = cpu
    if current:
        annotations[_CURRENT_METRICS] = _text(current)
    return _autoscaler(obj, "autoscaling/v1", spec, status, annotations)


def _autoscaler_to_v2(obj: Object) -> Object:
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    metadata = obj.get("metadata") or {}
    kept = dict(metadata.get("annotations") or {})
    metrics = _parsed(kept.pop(_METRICS, None), list) or []
    cpu = spec.pop(_CPU, None)
    if cpu is not None:
        metrics = [_cpu_metric(cpu), *metrics]
    if metrics:
        spec["metrics"] = metrics
    behavior = _parsed(kept.pop(_BEHAVIOR, None), dict)
    if behavior is not None:
        spec["behavior"] = behavior
    conditions = _parsed(kept.pop(_CONDITIONS, None), list)
    if conditions is not None:
        status["conditions"] = conditions
    current_cpu = status.pop(_CURRENT_CPU, None)
    current = _parsed(kept.pop(_CURRENT_METRICS, None), list)
    if current is not None:
        status["currentMetrics"] = current
    elif current_cpu is not None:
        resource = {"name": "cpu", "current": {"averageUtilization": current_cpu}}
        status["currentMetrics"] = [{"type": "Resource", "resource": resource}]
    metadata = {k: v for k, v in metadata.items() if k != "annotations"}
    return _autoscaler({**obj, "metadata": metadata}, "autoscaling/v2", spec, status, kept)


def _autoscaler(
    obj: Object, api_version: str, spec: Object, status: Object, annotations: dict[str, str]
) -> Object:
    converted = {**obj, "apiVersion": api_version}
    for name, part in (("spec", spec), ("status", status)):
        if part or name in obj:
            converted[name] = part
    if annotations:
        metadata = dict(obj.get("metadata") or {})
        metadata["annotations"] = {**(metadata.get("annotations") or {}), **annotations}
        converted["metadata"] = metadata
    return converted


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


def _parsed(text: str | None, kind: type) -> Any:
    """An annotation's JSON; None when it is missing or of another shape."""
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, kind) else None


_CONVERSIONS = {
    ("events.k8s.io/v1", "Event"): Conversion("v1", _event_to_core, _event_from_core),
    ("autoscaling/v1", "HorizontalPodAutoscaler"): Conversion(
        "autoscaling/v2", _autoscaler_to_v2, _autoscaler_to_v1
    ),
}


def conversion(api_version: str, kind: str) -> Conversion | None:
    """How objects of this version are stored; None when they are stored as they are."""
    return _CONVERSIONS.get((api_version, kind))
