"""HorizontalPodAutoscalers of `autoscaling/v1` and v2.

v1 knows one metric, the utilization of the CPU; everything else of v2 travels in annotations.
"""

from __future__ import annotations

import json
from typing import Any

from grappe.api import Object
from grappe.api.conversion.metrics import Side, metric_to_v1, metric_to_v2
from grappe.api.schema.decode import decoder
from grappe.api.schema.interface import DecodingError
from grappe.api.schema.node import definition_node

_METRICS = "autoscaling.alpha.kubernetes.io/metrics"
_BEHAVIOR = "autoscaling.alpha.kubernetes.io/behavior"
_CONDITIONS = "autoscaling.alpha.kubernetes.io/conditions"
_CURRENT_METRICS = "autoscaling.alpha.kubernetes.io/current-metrics"
_V2 = "io.k8s.api.autoscaling.v2."
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


def to_v1(obj: Object) -> Object:
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
        annotations[_METRICS] = _text([metric_to_v1(m, "target") for m in others])
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
        annotations[_CURRENT_METRICS] = _text([metric_to_v1(m, "current") for m in current])
    if status:
        status.setdefault("currentReplicas", 0)
    return _autoscaler(obj, "autoscaling/v1", spec, status, annotations)


def to_v2(obj: Object) -> Object:
    spec, status = dict(obj.get("spec") or {}), dict(obj.get("status") or {})
    metadata = obj.get("metadata") or {}
    kept = dict(metadata.get("annotations") or {})
    metrics = _metrics(kept.pop(_METRICS, None), "target") or []
    cpu = spec.pop(_CPU, None)
    if cpu is not None:
        metrics = [_cpu_metric(cpu), *metrics]
    if metrics:
        spec["metrics"] = metrics
    behavior = _parsed(kept.pop(_BEHAVIOR, None), dict)
    if behavior is not None and _is("HorizontalPodAutoscalerBehavior", behavior):
        spec["behavior"] = behavior
    conditions = _parsed(kept.pop(_CONDITIONS, None), list)
    if conditions is not None:
        kind = "HorizontalPodAutoscalerCondition"
        status["conditions"] = [c for c in conditions if _is(kind, c)]
    current_cpu = status.pop(_CURRENT_CPU, None)
    current = _metrics(kept.pop(_CURRENT_METRICS, None), "current")
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


def _metrics(text: str | None, side: Side) -> list[Object] | None:
    """The metrics of an annotation, those that are none left out."""
    found = _parsed(text, list)
    if found is None:
        return None
    metrics = [metric_to_v2(m, side) for m in found if isinstance(m, dict)]
    kind = "MetricSpec" if side == "target" else "MetricStatus"
    return [m for m in metrics if _is(kind, m)]


def _is(definition: str, value: Any) -> bool:
    """Whether anybody's annotation holds what it should; brought to its canonical form."""
    try:
        decoder(definition_node(_V2 + definition))(value, [])
    except DecodingError:
        return False
    return True


def _parsed(text: str | None, kind: type) -> Any:
    """An annotation's JSON; None when it is missing or of another shape."""
    if text is None:
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, kind) else None
