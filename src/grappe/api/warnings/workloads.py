"""Whatever makes pods from a template."""

from __future__ import annotations

from collections.abc import Iterator

from grappe.api import Object
from grappe.api.names import dns_label_problems
from grappe.api.warnings.pods import template
from grappe.api.warnings.volumes import claim_spec

_MANY, _MANY_AT_ONCE = 100_000, 10_000
_TOO_MANY = (
    "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than "
    "10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
)


def pod_template(obj: Object) -> Iterator[str]:
    return template(obj.get("template") or {}, "template.")


def templated(obj: Object) -> Iterator[str]:
    """Of all kinds whose `spec` has a template."""
    return template((obj.get("spec") or {}).get("template") or {}, "spec.template.")


def stateful_set(obj: Object) -> Iterator[str]:
    yield from templated(obj)
    spec = obj.get("spec") or {}
    for i, claim in enumerate(spec.get("volumeClaimTemplates") or ()):
        yield from claim_spec(claim.get("spec") or {}, f"spec.volumeClaimTemplates[{i}]")
    limit = spec.get("revisionHistoryLimit")
    if limit is not None and limit < 0:
        yield (
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; "
            "a value >= 0 is recommended"
        )


def job(obj: Object) -> Iterator[str]:
    yield from _name(obj)
    yield from changed_job(obj)


def changed_job(obj: Object) -> Iterator[str]:
    """Of a job that is not new."""
    return _job_spec(obj.get("spec") or {}, "spec")


def cron_job(obj: Object) -> Iterator[str]:
    yield from _name(obj)
    yield from changed_cron_job(obj)


def changed_cron_job(obj: Object) -> Iterator[str]:
    """Of a cron job that is not new."""
    wanted = (obj.get("spec") or {}).get("jobTemplate") or {}
    return _job_spec(wanted.get("spec") or {}, "spec.jobTemplate.spec")


def _name(obj: Object) -> Iterator[str]:
    if problems := dns_label_problems(obj["metadata"].get("name") or ""):
        yield (
            "metadata.name: this is used in Pod names and hostnames, which can result in "
            f"surprising behavior; a DNS label is recommended: [{' '.join(problems)}]"
        )


def _job_spec(spec: Object, at: str) -> Iterator[str]:
    if spec.get("completionMode") == "Indexed":
        completions, at_once = spec.get("completions") or 0, spec.get("parallelism") or 0
        if completions > _MANY and at_once > _MANY_AT_ONCE:
            yield f"{at}: {_TOO_MANY}"
    yield from template(spec.get("template") or {}, f"{at}.template.")
