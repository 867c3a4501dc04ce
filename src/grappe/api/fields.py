"""Which fields a field selector may name, kind by kind, and their values in an object.

Every kind has `metadata.name` and (when namespaced) `metadata.namespace`; the table holds what
kinds have besides (https://kubernetes.io/docs/concepts/overview/working-with-objects/
field-selectors/#list-of-supported-fields).
"""

from __future__ import annotations

from functools import cache

from grappe.api import Object
from grappe.api.resources import Resource

_TABLE: dict[str, tuple[str, ...]] = {
    "/pods": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.nominatedNodeName",
    ),
    "/events": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "/namespaces": ("status.phase",),
    "/nodes": ("spec.unschedulable",),
    "/replicationcontrollers": ("status.replicas",),
    "/secrets": ("type",),
    "/services": ("spec.clusterIP", "spec.type"),
    "apps/replicasets": ("status.replicas",),
    "batch/jobs": ("status.successful",),
    "certificates.k8s.io/certificatesigningrequests": ("spec.signerName",),
    "resource.k8s.io/resourceslices": ("spec.nodeName", "spec.driver"),
}
# `events.k8s.io/v1` is another view of core events: its own names for the same fields.
_TABLE["events.k8s.io/events"] = tuple(
    name.replace("involvedObject", "regarding").replace("reportingComponent", "reportingController")
    for name in _TABLE["/events"]
)
# What a value is when the field is absent: Go prints its zero value.
_ABSENT = {
    "spec.unschedulable": "false",
    "spec.hostNetwork": "false",
    "status.replicas": "0",
    "status.successful": "0",
}
# Where the API stores a field that selectors call by another name.
_PATHS: dict[str, tuple[str, ...]] = {"status.successful": ("status", "succeeded")}


def _at(obj: Object, path: tuple[str, ...]) -> str | None:
    value: object = obj
    for part in path:
        if not isinstance(value, dict):
            return None
        value = value.get(part)
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


@cache
def _paths(bucket: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((n, _PATHS.get(n, tuple(n.split(".")))) for n in _TABLE.get(bucket, ()))


def index_fields(resource: Resource, obj: Object) -> dict[str, str]:
    """The selectable fields of `obj` besides its name and namespace."""
    bucket = resource.bucket
    found: dict[str, str] = {}
    for name, path in _paths(bucket):
        value = _at(obj, path)
        found[name] = _ABSENT.get(name, "") if value is None else value
    if "source" in found:
        found["source"] = _event_source(obj)
    return found


def _event_source(obj: Object) -> str:
    source = obj.get("source") or obj.get("deprecatedSource") or {}
    component = source.get("component", "") if isinstance(source, dict) else ""
    return str(component or obj.get("reportingComponent") or obj.get("reportingController") or "")


# Pods may be asked for these, though no pod has a value for the former.
_MORE = {"/pods": ("status.podIPs", "spec.host")}
_RENAMED = {"/pods": {"spec.host": "spec.nodeName"}}
_UNSUPPORTED = {
    "batch/jobs": 'field label "{}" not supported for batchv1.Job',
    "resource.k8s.io/resourceslices": (
        "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: {}"
    ),
}


@cache
def selectable_fields(resource: Resource) -> frozenset[str]:
    """Every field name a selector on this resource may use."""
    bucket = resource.bucket
    names = {"metadata.name", *_TABLE.get(bucket, ()), *_MORE.get(bucket, ())}
    if resource.namespaced or bucket not in _TABLE:
        names.add("metadata.namespace")
    return frozenset(names)


def stored_field(resource: Resource, field: str) -> str:
    """What a field that a selector names is called here."""
    return _RENAMED.get(resource.bucket, {}).get(field, field)


def unsupported_field(resource: Resource, field: str) -> str:
    """What is said of a field that no selector on this resource may use."""
    bucket = resource.bucket
    if bucket not in _TABLE:
        return (
            f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'
        )
    return _UNSUPPORTED.get(bucket, "field label not supported: {}").format(field)
