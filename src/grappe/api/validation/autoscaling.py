"""HorizontalPodAutoscalers and PodDisruptionBudgets.

https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/ and …/pods/disruptions/
"""

from __future__ import annotations

from collections.abc import Callable

from grappe.api import Object, names, quantity
from grappe.api.causes import forbidden, invalid, not_supported, required
from grappe.api.validation.conditions import conditions
from grappe.api.validation.resources import container_resource_name
from grappe.api.validation.rules import (
    Causes,
    at_most_100_percent,
    label_selector,
    named,
    none_negative,
    well_formed,
    whole_or_percent,
)

_LONGEST_WINDOW, _LONGEST_PERIOD = 3600, 1800
_TARGETS = ("Utilization", "Value", "AverageValue")


def autoscaler(obj: Object) -> Causes:
    """Of `autoscaling/v2` and of `v1`, which says less."""
    return _autoscaler(obj, 1)


def autoscaler_update(new: Object, old: Object) -> Causes:
    """One that scales to nothing already may go on doing so."""
    least = (old.get("spec") or {}).get("minReplicas")
    return _autoscaler(new, 0 if least == 0 else 1)


def _autoscaler(obj: Object, lowest: int) -> Causes:
    spec = obj.get("spec") or {}
    least, most = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    if least is not None and least < lowest:
        detail = f"must be greater than or equal to {lowest}"
        yield invalid("spec.minReplicas", least, detail)
    if most < 1:
        yield invalid("spec.maxReplicas", most, "must be greater than 0")
    if least is not None and most < least:
        detail = "must be greater than or equal to `minReplicas`"
        yield invalid("spec.maxReplicas", most, detail)
    yield from _reference(spec.get("scaleTargetRef") or {}, "spec.scaleTargetRef")
    metrics = spec.get("metrics") or ()
    for i, metric in enumerate(metrics):
        yield from _metric(metric, f"spec.metrics[{i}]")
    kinds = {metric.get("type") for metric in metrics}
    if least == 0 and not kinds & {"Object", "External"}:
        detail = (
            "must specify at least one Object or External metric to support scaling to zero "
            "replicas"
        )
        yield forbidden("spec.metrics", detail)
    behavior = spec.get("behavior") or {}
    for way in ("scaleUp", "scaleDown"):
        if (rules := behavior.get(way)) is not None:
            yield from _scaling(rules, f"spec.behavior.{way}")


def _reference(reference: Object, at: str) -> Causes:
    for field in ("kind", "name"):
        yield from named(reference.get(field), f"{at}.{field}", names.path_segment_problems)


def _scaling(rules: Object, at: str) -> Causes:
    window, where = rules.get("stabilizationWindowSeconds"), f"{at}.stabilizationWindowSeconds"
    if window is not None and window < 0:
        yield invalid(where, window, "must be greater than or equal to zero")
    if window is not None and window > _LONGEST_WINDOW:
        yield invalid(where, window, f"must be less than or equal to {_LONGEST_WINDOW}")
    choice = rules.get("selectPolicy")
    if choice is not None and choice not in ("Disabled", "Max", "Min"):
        yield not_supported(f"{at}.selectPolicy", choice, ("Disabled", "Max", "Min"))
    policies = rules.get("policies") or ()
    if not policies:
        yield required(f"{at}.policies", "must specify at least one Policy")
    for i, policy in enumerate(policies):
        yield from _policy(policy, f"{at}.policies[{i}]")
    tolerance = rules.get("tolerance")
    if tolerance is not None and quantity.parse(tolerance) < 0:
        yield invalid(f"{at}.tolerance", tolerance, "must be greater or equal to zero")


def _policy(policy: Object, at: str) -> Causes:
    kind, period = policy.get("type") or "", policy.get("periodSeconds", 0)
    if kind not in ("Percent", "Pods"):
        yield not_supported(f"{at}.type", kind, ("Percent", "Pods"))
    for field in ("value", "periodSeconds"):
        if policy.get(field, 0) <= 0:
            yield invalid(f"{at}.{field}", policy.get(field, 0), "must be greater than zero")
    if period > _LONGEST_PERIOD:
        detail = f"must be less than or equal to {_LONGEST_PERIOD}"
        yield invalid(f"{at}.periodSeconds", period, detail)


def _metric(metric: Object, at: str) -> Causes:
    kind = metric.get("type") or ""
    if not kind:
        yield required(f"{at}.type", "must specify a metric source type")
    if kind not in _KINDS:
        yield not_supported(f"{at}.type", kind, tuple(sorted(_KINDS)))
    given = [field for field in _SOURCES if field in metric]
    if given:
        yield from _SOURCES[given[0]](metric[given[0]], f"{at}.{given[0]}")
    expected = _KINDS.get(kind)
    if expected and expected not in metric:
        detail = "must populate information for the given metric source"
        yield required(f"{at}.{expected}", detail)
    if len(given) != 1:
        for field in given:
            if field != expected:
                yield forbidden(f"{at}.{field}", "must populate the given metric source only")


def _object(source: Object, at: str) -> Causes:
    target = source.get("target") or {}
    yield from _reference(source.get("describedObject") or {}, f"{at}.describedObject")
    yield from _identifier(source.get("metric") or {}, f"{at}.metric")
    yield from _target(target, f"{at}.target")
    if "value" not in target and "averageValue" not in target:
        detail = "must set either a target value or averageValue"
        yield required(f"{at}.target.averageValue", detail)


def _external(source: Object, at: str) -> Causes:
    target = source.get("target") or {}
    yield from _identifier(source.get("metric") or {}, f"{at}.metric")
    yield from _target(target, f"{at}.target")
    if "value" not in target and "averageValue" not in target:
        detail = "must set either a target value for metric or a per-pod target"
        yield required(f"{at}.target.averageValue", detail)
    if "value" in target and "averageValue" in target:
        detail = "may not set both a target value for metric and a per-pod target"
        yield forbidden(f"{at}.target.value", detail)


def _pods(source: Object, at: str) -> Causes:
    target = source.get("target") or {}
    yield from _identifier(source.get("metric") or {}, f"{at}.metric")
    yield from _target(target, f"{at}.target")
    if "averageValue" not in target:
        detail = "must specify a positive target averageValue"
        yield required(f"{at}.target.averageValue", detail)


def _resource(source: Object, at: str) -> Causes:
    if not source.get("name"):
        yield required(f"{at}.name", "must specify a resource name")
    yield from _usage(source.get("target") or {}, f"{at}.target")


def _container_resource(source: Object, at: str) -> Causes:
    if not source.get("name"):
        yield required(f"{at}.name", "must specify a resource name")
    else:
        yield from container_resource_name(source["name"], f"{at}.name")
    if not source.get("container"):
        yield required(f"{at}.container", "must specify a container")
    else:
        where = f"{at}.container"
        yield from well_formed(source["container"], where, names.dns_label_problems)
    yield from _usage(source.get("target") or {}, f"{at}.target")


def _usage(target: Object, at: str) -> Causes:
    yield from _target(target, at)
    if "averageUtilization" not in target and "averageValue" not in target:
        detail = "must set either a target raw value or a target utilization"
        yield required(f"{at}.averageUtilization", detail)
    if "averageUtilization" in target and "averageValue" in target:
        detail = "may not set both a target raw value and a target utilization"
        yield forbidden(f"{at}.averageValue", detail)


def _target(target: Object, at: str) -> Causes:
    kind = target.get("type") or ""
    if not kind:
        yield required(f"{at}.type", "must specify a metric target type")
    if kind not in _TARGETS:
        detail = "must be either Utilization, Value, or AverageValue"
        yield invalid(f"{at}.type", kind, detail)
    for field in ("value", "averageValue"):
        if field in target and quantity.parse(target[field]) <= 0:
            yield invalid(f"{at}.{field}", target[field], "must be positive")
    usage = target.get("averageUtilization")
    if usage is not None and usage < 1:
        yield invalid(f"{at}.averageUtilization", usage, "must be greater than 0")


def _identifier(metric: Object, at: str) -> Causes:
    if not metric.get("name"):
        yield required(f"{at}.name", "must specify a metric name")
    else:
        yield from well_formed(metric["name"], f"{at}.name", names.path_segment_problems)


_SOURCES: dict[str, Callable[[Object, str], Causes]] = {
    "object": _object,
    "external": _external,
    "pods": _pods,
    "resource": _resource,
    "containerResource": _container_resource,
}
_KINDS = {
    "ContainerResource": "containerResource",
    "External": "external",
    "Object": "object",
    "Pods": "pods",
    "Resource": "resource",
}


def autoscaler_status(new: Object, old: Object) -> Causes:
    status = new.get("status") or {}
    yield from none_negative(status, "status", "currentReplicas", "desiredReplicas")


def disruption_budget(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
    if least is not None and most is not None:
        yield invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")
    for field in ("minAvailable", "maxUnavailable"):
        if (value := spec.get(field)) is not None:
            yield from whole_or_percent(value, f"spec.{field}")
            yield from at_most_100_percent(value, f"spec.{field}")
    yield from label_selector(spec.get("selector"), "spec.selector")
    policy, choice = spec.get("unhealthyPodEvictionPolicy"), ("AlwaysAllow", "IfHealthyBudget")
    if policy is not None and policy not in choice:
        yield not_supported("spec.unhealthyPodEvictionPolicy", policy, choice)


def disruption_budget_status(new: Object, old: Object) -> Causes:
    status = new.get("status") or {}
    yield from conditions(status.get("conditions") or (), "status.conditions")
    yield from none_negative(
        status,
        "status",
        "disruptionsAllowed",
        "currentHealthy",
        "desiredHealthy",
        "expectedPods",
    )
