"""Defaults of Job and CronJob."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.defaults.fields import fill, fill_empty, objects, part
from grappe.api.defaults.pods import default_pod_template

_UNLIMITED = 2**31 - 1


def _job(obj: Object) -> None:
    spec = part(obj, "spec")
    if "completions" not in spec and "parallelism" not in spec:
        spec["completions"] = 1
    fill(
        spec,
        {
            "parallelism": 1,
            "backoffLimit": _UNLIMITED if "backoffLimitPerIndex" in spec else 6,
            "completionMode": "NonIndexed",
            "suspend": False,
            "manualSelector": False,
            "podReplacementPolicy": (
                "Failed" if "podFailurePolicy" in spec else "TerminatingOrFailed"
            ),
        },
    )
    for rule in objects(spec.get("podFailurePolicy") or {}, "rules"):
        for pattern in objects(rule, "onPodConditions"):
            fill_empty(pattern, "status", "True")
    template = part(spec, "template")
    default_pod_template(template)
    labels = (template.get("metadata") or {}).get("labels")
    metadata = part(obj, "metadata")
    if labels and not metadata.get("labels"):
        metadata["labels"] = dict(labels)


def _cron_job(obj: Object) -> None:
    spec = part(obj, "spec")
    fill_empty(spec, "concurrencyPolicy", "Allow")
    fill(spec, {"suspend": False, "successfulJobsHistoryLimit": 3, "failedJobsHistoryLimit": 1})
    job = part(part(spec, "jobTemplate"), "spec")
    default_pod_template(part(job, "template"))


DEFAULTS = {"CronJob": _cron_job, "Job": _job}
