"""Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs and their kin."""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.age import human_duration
from grappe.api.printers.column import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    UNSET,
    Column,
    Printer,
    age,
    container_columns,
    labels_text,
    number,
    selector_text,
    since,
    wide,
)
from grappe.base.clock import parse_rfc3339

_CONTAINERS = (wide("Containers"), wide("Images"))
_SELECTED = (*_CONTAINERS, wide("Selector"))


def _deployment(obj: Object, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    return [
        obj["metadata"]["name"],
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        age(obj, now),
        *container_columns(spec["template"]),
        selector_text(spec.get("selector")).removeprefix(NONE),
    ]


def _replica_set(obj: Object, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    return [
        obj["metadata"]["name"],
        spec.get("replicas", 0),
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        age(obj, now),
        *container_columns(spec.get("template") or {}),
        selector_text(spec.get("selector")),
    ]


def _replication_controller(obj: Object, now: float) -> list[Any]:
    return [*_replica_set(obj, now)[:-1], labels_text(obj["spec"].get("selector"))]


def _stateful_set(obj: Object, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    return [
        obj["metadata"]["name"],
        f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}",
        age(obj, now),
        *container_columns(spec["template"]),
    ]


def _daemon_set(obj: Object, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    return [
        obj["metadata"]["name"],
        status.get("desiredNumberScheduled", 0),
        status.get("currentNumberScheduled", 0),
        status.get("numberReady", 0),
        status.get("updatedNumberScheduled", 0),
        status.get("numberAvailable", 0),
        labels_text(spec["template"].get("spec", {}).get("nodeSelector")),
        age(obj, now),
        *container_columns(spec["template"]),
        selector_text(spec.get("selector")),
    ]


def _job_status(obj: Object) -> str:
    told = obj.get("status", {}).get("conditions") or []
    true = {c.get("type") for c in told if c.get("status") == "True"}
    for ended in ("Complete", "Failed"):
        if ended in true:
            return ended
    if obj["metadata"].get("deletionTimestamp"):
        return "Terminating"
    for state in ("Suspended", "FailureTarget", "SuccessCriteriaMet"):
        if state in true:
            return state
    return "Running"


def _completions(obj: Object) -> str:
    spec, done = obj["spec"], obj.get("status", {}).get("succeeded", 0)
    if spec.get("completions") is not None:
        return f"{done}/{spec['completions']}"
    parallelism = spec.get("parallelism") or 0
    return f"{done}/1 of {parallelism}" if parallelism > 1 else f"{done}/1"


def _job_duration(status: Object, now: float) -> str:
    started = status.get("startTime")
    if not started:
        return ""
    ended = status.get("completionTime")
    return human_duration((parse_rfc3339(ended) if ended else now) - parse_rfc3339(started))


def _job(obj: Object, now: float) -> list[Any]:
    return [
        obj["metadata"]["name"],
        _job_status(obj),
        _completions(obj),
        _job_duration(obj.get("status", {}), now),
        age(obj, now),
        *container_columns(obj["spec"]["template"]),
        selector_text(obj["spec"].get("selector")),
    ]


def _cron_job(obj: Object, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    job = spec["jobTemplate"]["spec"]
    last = status.get("lastScheduleTime")
    return [
        obj["metadata"]["name"],
        spec.get("schedule", ""),
        spec.get("timeZone", NONE),
        {True: "True", False: "False"}.get(spec.get("suspend"), UNSET),
        len(status.get("active") or []),
        since(last, now) if last else NONE,
        age(obj, now),
        *container_columns(job["template"]),
        selector_text(job.get("selector")),
    ]


def _controller_revision(obj: Object, now: float) -> list[Any]:
    owners = obj["metadata"].get("ownerReferences") or []
    owner = next((o for o in owners if o.get("controller")), None)
    controller = NONE
    if owner:
        group = owner["apiVersion"].rpartition("/")[0]
        kind = owner["kind"].lower()
        controller = f"{kind}.{group}/{owner['name']}" if group else f"{kind}/{owner['name']}"
    return [obj["metadata"]["name"], controller, obj.get("revision", 0), age(obj, now)]


def _pod_template(obj: Object, now: float) -> list[Any]:
    template = obj.get("template") or {}
    labels = template.get("metadata", {}).get("labels")
    return [obj["metadata"]["name"], *container_columns(template), labels_text(labels)]


def _autoscaler(obj: Object, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    target = spec["scaleTargetRef"]
    minimum = spec.get("minReplicas")
    return [
        obj["metadata"]["name"],
        f"{target['kind']}/{target['name']}",
        _metrics(spec, status),
        UNSET if minimum is None else str(minimum),
        spec.get("maxReplicas", 0),
        status.get("currentReplicas", 0),
        age(obj, now),
    ]


def _metrics(spec: Object, status: Object) -> str:
    """`cpu: 12%/80%`, at most two of them spelled out."""
    current = status.get("currentMetrics") or []
    told = [
        _metric(metric, current[i] if i < len(current) else {})
        for i, metric in enumerate(spec.get("metrics") or [])
    ]
    if not told:
        return NONE
    more = f" + {len(told) - 2} more..." if len(told) > 2 else ""
    return ", ".join(told[:2]) + more


def _metric(metric: Object, status: Object) -> str:
    kind = metric["type"]
    if kind not in ("Resource", "ContainerResource", "Pods", "Object", "External"):
        return "<unknown type>"
    source = kind[0].lower() + kind[1:]
    wanted, now = metric.get(source) or {}, (status.get(source) or {}).get("current") or {}
    target = wanted.get("target") or {}
    if target.get("averageValue") is not None:
        suffix = " (avg)" if kind in ("Object", "External") else ""
        pair = f"{now.get('averageValue', UNKNOWN)}/{target['averageValue']}{suffix}"
    elif kind in ("Resource", "ContainerResource"):
        pair = f"{_percent(now, UNKNOWN)}/{_percent(target, '<auto>')}"
    else:
        pair = f"{now.get('value', UNKNOWN)}/{target.get('value', '')}"
    named = kind in ("Resource", "ContainerResource")
    return f"{wanted.get('name', '')}: {pair}" if named else pair


def _percent(values: Object, missing: str) -> str:
    found = values.get("averageUtilization")
    return missing if found is None else f"{found}%"


def _disruption_budget(obj: Object, now: float) -> list[Any]:
    spec = obj["spec"]
    return [
        obj["metadata"]["name"],
        str(spec.get("minAvailable", "N/A")),
        str(spec.get("maxUnavailable", "N/A")),
        obj.get("status", {}).get("disruptionsAllowed", 0),
        age(obj, now),
    ]


def _scale(obj: Object, now: float) -> list[Any]:
    return [
        obj["metadata"]["name"],
        obj.get("spec", {}).get("replicas", 0),
        obj.get("status", {}).get("replicas", 0),
        age(obj, now),
    ]


SCALE = Printer((Column("Name"), number("Desired"), number("Available"), AGE), _scale)
_REPLICA_COLUMNS = (NAME, number("Desired"), number("Current"), number("Ready"), AGE, *_SELECTED)

PRINTERS = {
    ("apps", "Deployment"): Printer(
        (NAME, Column("Ready"), Column("Up-to-date"), Column("Available"), AGE, *_SELECTED),
        _deployment,
    ),
    ("apps", "ReplicaSet"): Printer(_REPLICA_COLUMNS, _replica_set),
    ("", "ReplicationController"): Printer(_REPLICA_COLUMNS, _replication_controller),
    ("apps", "StatefulSet"): Printer((NAME, Column("Ready"), AGE, *_CONTAINERS), _stateful_set),
    ("apps", "DaemonSet"): Printer(
        (
            NAME,
            number("Desired"),
            number("Current"),
            number("Ready"),
            number("Up-to-date"),
            number("Available"),
            Column("Node Selector"),
            AGE,
            *_SELECTED,
        ),
        _daemon_set,
    ),
    ("apps", "ControllerRevision"): Printer(
        (NAME, Column("Controller"), Column("Revision"), AGE), _controller_revision
    ),
    ("batch", "Job"): Printer(
        (NAME, Column("Status"), Column("Completions"), Column("Duration"), AGE, *_SELECTED), _job
    ),
    ("batch", "CronJob"): Printer(
        (
            NAME,
            Column("Schedule"),
            Column("Timezone"),
            Column("Suspend", "boolean"),
            number("Active"),
            Column("Last Schedule"),
            AGE,
            *_SELECTED,
        ),
        _cron_job,
    ),
    ("", "PodTemplate"): Printer(
        (NAME, Column("Containers"), Column("Images"), Column("Pod Labels")), _pod_template
    ),
    ("autoscaling", "HorizontalPodAutoscaler"): Printer(
        (
            NAME,
            Column("Reference"),
            Column("Targets"),
            Column("MinPods"),
            Column("MaxPods"),
            Column("Replicas"),
            AGE,
        ),
        _autoscaler,
    ),
    ("policy", "PodDisruptionBudget"): Printer(
        (
            NAME,
            Column("Min Available"),
            Column("Max Unavailable"),
            number("Allowed Disruptions"),
            AGE,
        ),
        _disruption_budget,
    ),
}
