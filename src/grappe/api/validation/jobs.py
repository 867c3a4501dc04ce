"""Jobs and CronJobs (https://kubernetes.io/docs/concepts/workloads/controllers/job/)."""

from __future__ import annotations

import re

from grappe.api import Object, cron, names
from grappe.api.causes import (
    invalid,
    not_supported,
    required,
    too_long,
)
from grappe.api.validation import pods
from grappe.api.validation.job_policies import failure_policy, success_policy
from grappe.api.validation.rules import (
    Causes,
    immutable,
    label_selector,
    none_negative,
    not_negative,
    one_of,
    selects,
    settled,
    well_formed,
)
from grappe.api.validation.workloads import UNMATCHED

_MODES = ("NonIndexed", "Indexed")
_MOST_PARALLEL = _MOST_FAILED = 100_000
_MANY, _PARALLEL_OF_MANY, _FAILED_OF_MANY = 100_000, 10_000, 10_000
_REPLACEMENTS = ("Failed", "TerminatingOrFailed")
_ZONE_PART = re.compile(r"[A-Za-z.\-_0-9+]{1,14}")
_OWN_LABELS = ("controller-uid", "job-name")
_PREFIX = "batch.kubernetes.io/"


def job(obj: Object) -> Causes:
    spec = obj["spec"]
    yield from _own_selector(obj)
    yield from _job_and_selector(spec)
    completions = spec.get("completions")
    if spec.get("completionMode") == "Indexed" and completions:
        name = obj["metadata"].get("name") or ""
        last = f"{name}-{completions - 1}"
        if names.dns_label_problems(last):
            detail = f"will not able to create pod with invalid DNS label: {last}"
            yield invalid("metadata.name", name, detail)


def _own_selector(obj: Object) -> Causes:
    """Unless it is told otherwise, a job selects its pods by its own uid and name."""
    spec, metadata = obj["spec"], obj["metadata"]
    if spec.get("manualSelector"):
        return
    expected = dict(zip(_OWN_LABELS, (metadata.get("uid"), metadata.get("name")), strict=True))
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    at = "spec.template.metadata.labels"
    every = {}
    for prefix in ("", _PREFIX):
        for key, value in expected.items():
            every[prefix + key] = value
            if prefix + key not in labels:
                yield required(f"{at}[{prefix}{key}]", f"must be '{value}'")
            elif labels[prefix + key] != value:
                yield invalid(f"{at}[{prefix}{key}]", labels, f"must be '{value}'")
    selector = spec.get("selector")
    if selector is not None and not selects(selector, every):
        yield invalid("spec.selector", selector, "`selector` not auto-generated")


def _job_and_selector(spec: Object) -> Causes:
    yield from _job_spec(spec, "spec")
    selector = spec.get("selector")
    if selector is None:
        yield required("spec.selector")
    else:
        yield from label_selector(selector, "spec.selector")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if selector is None or not selects(selector, labels):
        yield invalid("spec.template.metadata.labels", labels, UNMATCHED)


def _job_spec(spec: Object, at: str) -> Causes:
    yield from none_negative(
        spec,
        at,
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    )
    if "maxFailedIndexes" in spec and "backoffLimitPerIndex" not in spec:
        yield required(f"{at}.backoffLimitPerIndex", "when maxFailedIndexes is specified")
    if (manager := spec.get("managedBy")) is not None:
        yield from well_formed(manager, f"{at}.managedBy", names.prefixed_path_problems)
        if len(manager) > names.LABEL_MAX:
            yield too_long(f"{at}.managedBy", names.LABEL_MAX)
    mode = spec.get("completionMode")
    if mode is not None and mode not in _MODES:
        yield not_supported(f"{at}.completionMode", mode, _MODES)
    indexed = mode == "Indexed"
    if indexed:
        yield from _indexed(spec, at)
    elif mode in (None, "NonIndexed"):
        for field in ("backoffLimitPerIndex", "maxFailedIndexes"):
            if field in spec:
                detail = "requires indexed completion mode"
                yield invalid(f"{at}.{field}", spec[field], detail)
    if (policy := spec.get("podFailurePolicy")) is not None:
        yield from failure_policy(policy, spec, f"{at}.podFailurePolicy")
    if (policy := spec.get("successPolicy")) is not None:
        if not indexed:
            yield invalid(f"{at}.successPolicy", policy, "requires indexed completion mode")
        elif spec.get("completions") is not None:
            yield from success_policy(policy, spec["completions"], f"{at}.successPolicy")
    if (replacement := spec.get("podReplacementPolicy")) is not None:
        choice = ("Failed",) if "podFailurePolicy" in spec else _REPLACEMENTS
        if replacement not in choice:
            yield not_supported(f"{at}.podReplacementPolicy", replacement, choice)
    template = spec.get("template") or {}
    yield from pods.template(template, f"{at}.template")
    where = f"{at}.template.spec.restartPolicy"
    restart = (template.get("spec") or {}).get("restartPolicy")
    if restart in (None, "", "Always"):
        yield required(where, 'valid values: "OnFailure", "Never"')
    elif restart not in ("OnFailure", "Never"):
        yield not_supported(where, restart, ("OnFailure", "Never"))
    elif "podFailurePolicy" in spec and restart != "Never":
        detail = 'only "Never" is supported when podFailurePolicy is specified'
        yield invalid(where, restart, detail)


def _indexed(spec: Object, at: str) -> Causes:
    completions, parallelism = spec.get("completions"), spec.get("parallelism")
    failed = spec.get("maxFailedIndexes")
    if completions is None:
        yield required(f"{at}.completions", "when completion mode is Indexed")
    if parallelism is not None and parallelism > _MOST_PARALLEL:
        detail = f"must be less than or equal to {_MOST_PARALLEL} when completion mode is Indexed"
        yield invalid(f"{at}.parallelism", parallelism, detail)
    if failed is not None:
        if completions is not None and failed > completions:
            detail = "must be less than or equal to completions"
            yield invalid(f"{at}.maxFailedIndexes", failed, detail)
        if failed > _MOST_FAILED:
            detail = f"must be less than or equal to {_MOST_FAILED}"
            yield invalid(f"{at}.maxFailedIndexes", failed, detail)
    if completions is None or completions <= _MANY or "backoffLimitPerIndex" not in spec:
        return
    if failed is None:
        detail = f"must be specified when completions is above {_MANY}"
        yield required(f"{at}.maxFailedIndexes", detail)
    for field, limit in (("parallelism", _PARALLEL_OF_MANY), ("maxFailedIndexes", _FAILED_OF_MANY)):
        value = spec.get(field)
        if value is not None and value > limit:
            detail = (
                f"must be less than or equal to {limit} when completions are above {_MANY} and "
                "used with backoff limit per index"
            )
            yield invalid(f"{at}.{field}", value, detail)


def job_update(new: Object, old: Object) -> Causes:
    spec, before = new["spec"], old["spec"]
    yield from _job_and_selector(spec)
    completions = spec.get("completions")
    if spec.get("completionMode") != "Indexed":
        yield from immutable(completions, before.get("completions"), "spec.completions")
    elif completions not in (None, before.get("completions"), spec.get("parallelism")):
        detail = "can only be modified in tandem with spec.parallelism"
        yield invalid("spec.completions", completions, detail)
    yield from immutable(spec.get("selector"), before.get("selector"), "spec.selector")
    now, was = spec.get("template") or {}, before.get("template") or {}
    if not _may_move(old):
        if now != was:
            yield invalid("spec.template", now, "field is immutable")
    elif _without_directives(now) != _without_directives(was):
        yield invalid("spec.template.spec", now.get("spec"), "field is immutable")
    yield from settled(
        spec,
        before,
        "spec",
        "completionMode",
        "podFailurePolicy",
        "backoffLimitPerIndex",
        "managedBy",
        "successPolicy",
    )


def _may_move(job: Object) -> bool:
    """Whether its pods may be placed otherwise: it is suspended, and none of them runs."""
    status = job.get("status") or {}
    suspended = any(
        condition.get("type") == "Suspended" and condition.get("status") == "True"
        for condition in status.get("conditions") or ()
    )
    idle = not status.get("active") and (suspended or not status.get("startTime"))
    return bool(job["spec"].get("suspend") and idle)


def _without_directives(template: Object) -> Object:
    """The spec of a template without what says where its pods run and what they get."""
    spec = {
        k: v
        for k, v in (template.get("spec") or {}).items()
        if k not in ("nodeSelector", "tolerations", "schedulingGates", "affinity")
    }
    affinity = {
        k: v
        for k, v in ((template.get("spec") or {}).get("affinity") or {}).items()
        if k != "nodeAffinity" and v
    }
    for part in ("containers", "initContainers"):
        if part in spec:
            spec[part] = [{k: v for k, v in c.items() if k != "resources"} for c in spec[part]]
    return {"spec": spec, "affinity": affinity}


def cron_job(obj: Object) -> Causes:
    yield from _cron_spec(obj["spec"], None)
    name = obj["metadata"].get("name") or ""
    if len(name) > 52:
        yield invalid("metadata.name", name, "must be no more than 52 characters")


def cron_job_update(new: Object, old: Object) -> Causes:
    yield from _cron_spec(new["spec"], old["spec"])


def _cron_spec(spec: Object, before: Object | None) -> Causes:
    schedule, zone = spec.get("schedule") or "", spec.get("timeZone")
    if not schedule:
        yield required("spec.schedule")
    else:
        zoned = before is not None and "TZ" in (before.get("schedule") or "")
        yield from _schedule(schedule, zone, zoned=zoned)
    yield from not_negative(spec.get("startingDeadlineSeconds"), "spec.startingDeadlineSeconds")
    if zone is not None and (before is None or before.get("timeZone") != zone):
        yield from _time_zone(zone)
    policies = ("Allow", "Forbid", "Replace")
    yield from one_of(spec.get("concurrencyPolicy"), "spec.concurrencyPolicy", policies)
    template = (spec.get("jobTemplate") or {}).get("spec") or {}
    at = "spec.jobTemplate.spec"
    yield from _job_spec(template, at)
    if template.get("selector") is not None:
        yield invalid(f"{at}.selector", template["selector"], "`selector` will be auto-generated")
    if template.get("manualSelector"):
        yield not_supported(f"{at}.manualSelector", True, ("nil", "false"))
    yield from none_negative(spec, "spec", "successfulJobsHistoryLimit", "failedJobsHistoryLimit")


def _schedule(schedule: str, zone: str | None, *, zoned: bool) -> Causes:
    """`zoned`: the schedule had a time zone in it before that was refused."""
    bare = re.sub(r"^(CRON_)?TZ=\S+\s+", "", schedule)
    try:
        cron.parse(bare)
    except cron.ScheduleError as error:
        yield invalid("spec.schedule", schedule, str(error))
    if "TZ" in schedule:
        if not zoned:
            detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
            yield invalid("spec.schedule", schedule, detail)
        elif zone is not None:
            detail = "cannot use both timeZone field and TZ or CRON_TZ in schedule"
            yield invalid("spec.schedule", schedule, detail)


def _time_zone(zone: str) -> Causes:
    at = "spec.timeZone"
    if not zone:
        yield invalid(at, zone, "timeZone must be nil or non-empty string")
        return
    for part in zone.split("/"):
        if part in (".", "..") or part.startswith("-") or not _ZONE_PART.fullmatch(part):
            yield invalid(at, zone, f"unknown time zone {zone}")
            return
    if zone.lower() == "local":
        detail = (
            "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones"
        )
        yield invalid(at, zone, detail)
        return
    try:
        cron.parse("@daily", zone)
    except cron.ScheduleError as error:
        yield invalid(at, zone, str(error))
