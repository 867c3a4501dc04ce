"""Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs, disruption budgets."""

from __future__ import annotations

import re
from typing import Any

from grappe.api import Object, names
from grappe.api.causes import forbidden, invalid, not_supported, required
from grappe.api.selectors import label_selector_from_object
from grappe.api.validation import pods
from grappe.api.validation.rules import (
    IMMUTABLE,
    Causes,
    immutable,
    label_map,
    label_selector,
    not_negative,
    one_of,
    positive,
    whole_or_percent,
)


def _selected_template(spec: Object, restart: tuple[str, ...] = ("Always",)) -> Causes:
    """A selector, and a template that it selects."""
    selector = spec.get("selector")
    if not selector:
        yield required("spec.selector")
    else:
        yield from label_selector(selector, "spec.selector")
        if not selector.get("matchLabels") and not selector.get("matchExpressions"):
            detail = "empty selector is invalid for deployment"
            yield invalid("spec.selector", selector, detail)
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if selector and not label_selector_from_object(selector).matches(labels):
        yield invalid(
            "spec.template.metadata.labels", labels, "`selector` does not match template `labels`"
        )
    yield from pods.template(template, "spec.template")
    policy = (template.get("spec") or {}).get("restartPolicy")
    if policy and policy not in restart:
        yield not_supported("spec.template.spec.restartPolicy", policy, restart)
    if (template.get("spec") or {}).get("activeDeadlineSeconds") is not None:
        detail = "activeDeadlineSeconds in ReplicaSet is not Supported"
        yield forbidden("spec.template.spec.activeDeadlineSeconds", detail)


def deployment(obj: Object) -> Causes:
    spec = obj["spec"]
    yield from not_negative(spec.get("replicas"), "spec.replicas")
    yield from _selected_template(spec)
    strategy = spec.get("strategy") or {}
    if strategy.get("type") == "Recreate":
        if strategy.get("rollingUpdate"):
            detail = "may not be specified when strategy `type` is 'Recreate'"
            yield forbidden("spec.strategy.rollingUpdate", detail)
    elif strategy.get("type") == "RollingUpdate":
        yield from _rolling(strategy.get("rollingUpdate") or {}, "spec.strategy.rollingUpdate")
    else:
        yield from one_of(strategy.get("type"), "spec.strategy.type", ("Recreate", "RollingUpdate"))
    for field in ("minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        yield from not_negative(spec.get(field), f"spec.{field}")
    deadline = spec.get("progressDeadlineSeconds")
    if deadline is not None and deadline <= spec.get("minReadySeconds", 0):
        detail = "must be greater than minReadySeconds"
        yield invalid("spec.progressDeadlineSeconds", deadline, detail)


def _rolling(rolling: Object, at: str) -> Causes:
    surge, unavailable = rolling.get("maxSurge", "25%"), rolling.get("maxUnavailable", "25%")
    yield from whole_or_percent(surge, f"{at}.maxSurge")
    yield from whole_or_percent(unavailable, f"{at}.maxUnavailable")
    if _is_zero(surge) and _is_zero(unavailable):
        yield invalid(f"{at}.maxUnavailable", unavailable, "may not be 0 when `maxSurge` is 0")
    if isinstance(unavailable, str) and unavailable.endswith("%") and _percent(unavailable) > 100:
        yield invalid(f"{at}.maxUnavailable", unavailable, "must not be greater than 100%")


def _is_zero(value: Any) -> bool:
    return value in (0, "0", "0%")


def _percent(value: str) -> int:
    digits = value[:-1]
    return int(digits) if digits.isdigit() else 0


def _same_selector(new: Object, old: Object) -> Causes:
    yield from immutable(new["spec"].get("selector"), old["spec"].get("selector"), "spec.selector")


def replica_set(obj: Object) -> Causes:
    spec = obj["spec"]
    yield from not_negative(spec.get("replicas"), "spec.replicas")
    yield from not_negative(spec.get("minReadySeconds"), "spec.minReadySeconds")
    yield from _selected_template(spec)


def replication_controller(obj: Object) -> Causes:
    spec = obj["spec"]
    yield from not_negative(spec.get("replicas"), "spec.replicas")
    if not spec.get("selector"):
        yield required("spec.selector")
    if not spec.get("template"):
        yield required("spec.template")
        return
    labels = (spec["template"].get("metadata") or {}).get("labels") or {}
    if any(labels.get(k) != v for k, v in (spec.get("selector") or {}).items()):
        detail = "`selector` does not match template `labels`"
        yield invalid("spec.template.metadata.labels", labels, detail)
    yield from pods.template(spec["template"], "spec.template")


def stateful_set(obj: Object) -> Causes:
    spec = obj["spec"]
    yield from not_negative(spec.get("replicas"), "spec.replicas")
    policies = ("OrderedReady", "Parallel")
    yield from one_of(spec.get("podManagementPolicy"), "spec.podManagementPolicy", policies)
    kind = (spec.get("updateStrategy") or {}).get("type")
    yield from one_of(kind, "spec.updateStrategy", ("RollingUpdate", "OnDelete"))
    yield from _selected_template(spec)


_STATEFUL_SET_MAY_CHANGE = (
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
)


def stateful_set_update(new: Object, old: Object) -> Causes:
    def settled(spec: Object) -> Object:
        return {k: v for k, v in spec.items() if k not in _STATEFUL_SET_MAY_CHANGE}

    if settled(new["spec"]) != settled(old["spec"]):
        yield forbidden(
            "spec",
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
            "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
            "'minReadySeconds' are forbidden",
        )


def daemon_set(obj: Object) -> Causes:
    spec = obj["spec"]
    yield from _selected_template(spec)
    kind = (spec.get("updateStrategy") or {}).get("type")
    yield from one_of(kind, "spec.updateStrategy.type", ("RollingUpdate", "OnDelete"))


def _job_spec(spec: Object, at: str) -> Causes:
    for field in (
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
    ):
        yield from not_negative(spec.get(field), f"{at}.{field}")
    modes = ("NonIndexed", "Indexed")
    yield from one_of(spec.get("completionMode"), f"{at}.completionMode", modes, optional=True)
    if spec.get("completionMode") == "Indexed" and spec.get("completions") is None:
        detail = "when completion mode is Indexed"
        yield required(f"{at}.completions", detail)
    template = spec.get("template") or {}
    yield from pods.template(template, f"{at}.template")
    policy = (template.get("spec") or {}).get("restartPolicy")
    if policy not in ("OnFailure", "Never"):
        where = f"{at}.template.spec.restartPolicy"
        if policy == "Always" or not policy:
            yield required(where, 'valid values: "OnFailure", "Never"')
        else:
            yield not_supported(where, policy, ("OnFailure", "Never"))


def job(obj: Object) -> Causes:
    if len(obj["metadata"].get("name") or "") > 63:
        detail = names.too_long(63)
        yield invalid("metadata.name", obj["metadata"]["name"], detail)
    spec = obj["spec"]
    yield from _job_spec(spec, "spec")
    selector = spec.get("selector")
    if selector:
        yield from label_selector(selector, "spec.selector")
        labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
        if not label_selector_from_object(selector).matches(labels):
            detail = "`selector` does not match template `labels`"
            yield invalid("spec.template.metadata.labels", labels, detail)


def job_update(new: Object, old: Object) -> Causes:
    spec, before = new["spec"], old["spec"]
    for field in ("selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex"):
        yield from immutable(spec.get(field), before.get(field), f"spec.{field}")
    if before.get("completionMode") != "Indexed":
        yield from immutable(spec.get("completions"), before.get("completions"), "spec.completions")
    if spec.get("template") != before.get("template") and not (
        before.get("suspend") and not old.get("status", {}).get("startTime")
    ):
        yield invalid("spec.template", spec.get("template"), IMMUTABLE)


_SCHEDULE = re.compile(r"(@(yearly|annually|monthly|weekly|daily|midnight|hourly)|@every \S+)")
_SCHEDULE_FIELD = re.compile(r"[\d*?/,A-Za-z-]+")


def cron_job(obj: Object) -> Causes:
    spec = obj["spec"]
    schedule = spec.get("schedule") or ""
    if not schedule:
        yield required("spec.schedule")
    elif "TZ=" in schedule:
        detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
        yield invalid("spec.schedule", schedule, detail)
    elif not _SCHEDULE.fullmatch(schedule):
        words = schedule.split()
        if len(words) != 5:
            detail = f"expected exactly 5 fields, found {len(words)}: [{' '.join(words)}]"
            yield invalid("spec.schedule", schedule, detail)
        elif not all(_SCHEDULE_FIELD.fullmatch(word) for word in words):
            yield invalid("spec.schedule", schedule, "failed to parse the schedule")
    policies = ("Allow", "Forbid", "Replace")
    yield from one_of(spec.get("concurrencyPolicy"), "spec.concurrencyPolicy", policies)
    for field in (
        "startingDeadlineSeconds",
        "successfulJobsHistoryLimit",
        "failedJobsHistoryLimit",
    ):
        yield from not_negative(spec.get(field), f"spec.{field}")
    template = (spec.get("jobTemplate") or {}).get("spec") or {}
    yield from _job_spec(template, "spec.jobTemplate.spec")
    if len(obj["metadata"].get("name") or "") > 52:
        yield invalid(
            "metadata.name", obj["metadata"]["name"], "must be no more than 52 characters"
        )


def disruption_budget(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    both = spec.get("minAvailable") is not None and spec.get("maxUnavailable") is not None
    if both:
        yield invalid("spec", spec, "minAvailable and maxUnavailable cannot be both set")
    for field in ("minAvailable", "maxUnavailable"):
        if spec.get(field) is not None:
            yield from whole_or_percent(spec[field], f"spec.{field}")
    yield from label_selector(spec.get("selector"), "spec.selector")


def autoscaler(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    least, most = spec.get("minReplicas"), spec.get("maxReplicas", 0)
    if least is not None and least < 1:
        detail = "must be greater than or equal to 1"
        yield invalid("spec.minReplicas", least, detail)
    yield from positive(most, "spec.maxReplicas")
    if least is not None and most < least:
        detail = "must be greater than or equal to `minReplicas`"
        yield invalid("spec.maxReplicas", most, detail)
    target = spec.get("scaleTargetRef") or {}
    for field in ("kind", "name"):
        if not target.get(field):
            yield required(f"spec.scaleTargetRef.{field}")


def pod_template(obj: Object) -> Causes:
    yield from label_map(
        ((obj.get("template") or {}).get("metadata") or {}).get("labels"), "template.labels"
    )
    yield from pods.template(obj.get("template") or {}, "template")


same_selector_update = _same_selector
