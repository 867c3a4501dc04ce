"""The pods a Job makes. Pure."""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.controllers.job import perindex
from grappe.controllers.job.counting import FINALIZER, is_indexed
from grappe.controllers.pod_control import pod_from_template
from grappe.controllers.pods import COMPLETION_INDEX

_INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
_NAME_MOST = 63


def make_pod(job: Object, index: int | None, replaced: Object | None = None) -> Object:
    """A pod for a Job, for one completion index where the Job is Indexed; `replaced` is the
    failed pod of that index whose count of failures it carries on."""
    pod = pod_from_template(job["spec"]["template"], job)
    meta = pod["metadata"]
    meta["finalizers"] = [*(f for f in meta.get("finalizers") or () if f != FINALIZER), FINALIZER]
    if index is None or not is_indexed(job):
        return pod
    name = job["metadata"]["name"]
    meta["annotations"] = {
        **(meta.get("annotations") or {}),
        COMPLETION_INDEX: str(index),
        **perindex.failure_annotations(job, replaced),
    }
    meta["labels"] = {**(meta.get("labels") or {}), COMPLETION_INDEX: str(index)}
    suffix = f"-{index}"
    stem = name[: _NAME_MOST - 6 - len(suffix)]
    meta["generateName"] = f"{stem}{suffix}-"
    spec = {**pod["spec"], "hostname": f"{name}{suffix}"[:_NAME_MOST]}
    for kind in ("initContainers", "containers"):
        if spec.get(kind):
            spec[kind] = [_with_index(container) for container in spec[kind]]
    return {**pod, "spec": spec}


def _with_index(container: Object) -> Object:
    env: list[Any] = container.get("env") or []
    if any(variable.get("name") == _INDEX_VARIABLE for variable in env):
        return container
    source = {
        "fieldRef": {
            "apiVersion": "v1",
            "fieldPath": f"metadata.labels['{COMPLETION_INDEX}']",
        }
    }
    return {**container, "env": [*env, {"name": _INDEX_VARIABLE, "valueFrom": source}]}
