"""Defaults of the `apps` group: Deployment, ReplicaSet, StatefulSet, DaemonSet."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.defaults.fields import fill, fill_empty, objects, part
from grappe.api.defaults.pods import default_pod_template
from grappe.api.defaults.storage import default_claim_spec


def _deployment(obj: Object) -> None:
    spec = part(obj, "spec")
    fill(spec, {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600})
    strategy = part(spec, "strategy")
    fill_empty(strategy, "type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(part(strategy, "rollingUpdate"), {"maxUnavailable": "25%", "maxSurge": "25%"})
    default_pod_template(part(spec, "template"))


def _replica_set(obj: Object) -> None:
    spec = part(obj, "spec")
    fill(spec, {"replicas": 1})
    default_pod_template(part(spec, "template"))


def _daemon_set(obj: Object) -> None:
    spec = part(obj, "spec")
    fill(spec, {"revisionHistoryLimit": 10})
    strategy = part(spec, "updateStrategy")
    fill_empty(strategy, "type", "RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        fill(part(strategy, "rollingUpdate"), {"maxUnavailable": 1, "maxSurge": 0})
    default_pod_template(part(spec, "template"))


def _stateful_set(obj: Object) -> None:
    spec = part(obj, "spec")
    fill_empty(spec, "podManagementPolicy", "OrderedReady")
    fill(spec, {"replicas": 1, "revisionHistoryLimit": 10})
    strategy = part(spec, "updateStrategy")
    if not strategy.get("type"):
        strategy["type"] = "RollingUpdate"
        part(strategy, "rollingUpdate")
    if strategy["type"] == "RollingUpdate" and "rollingUpdate" in strategy:
        fill(strategy["rollingUpdate"], {"partition": 0})
    retention = part(spec, "persistentVolumeClaimRetentionPolicy")
    fill_empty(retention, "whenDeleted", "Retain")
    fill_empty(retention, "whenScaled", "Retain")
    for claim in objects(spec, "volumeClaimTemplates"):
        fill_empty(claim, "apiVersion", "v1")
        fill_empty(claim, "kind", "PersistentVolumeClaim")
        default_claim_spec(claim)
        fill_empty(part(claim, "status"), "phase", "Pending")
    default_pod_template(part(spec, "template"))


DEFAULTS = {
    "DaemonSet": _daemon_set,
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "StatefulSet": _stateful_set,
}
