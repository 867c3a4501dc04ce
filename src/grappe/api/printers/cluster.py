"""Nodes, Namespaces, Events, configuration and accounts."""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.age import human_duration
from grappe.api.printers.column import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    Column,
    Printer,
    age,
    joined,
    number,
    since,
    wide,
)

_ROLE_PREFIX = "node-role.kubernetes.io/"


def _node(obj: Object, now: float) -> list[Any]:
    status = obj.get("status", {})
    info = status.get("nodeInfo") or {}
    addresses: dict[str, str] = {}
    for found in status.get("addresses") or []:
        addresses.setdefault(found.get("type"), found.get("address", ""))
    kernel = info.get("kernelVersion") or UNKNOWN
    if info.get("architecture"):
        kernel += f" ({info['architecture']})"
    return [
        obj["metadata"]["name"],
        _node_state(obj),
        _roles(obj["metadata"].get("labels") or {}),
        age(obj, now),
        info.get("kubeletVersion", ""),
        addresses.get("InternalIP", NONE),
        addresses.get("ExternalIP", NONE),
        info.get("osImage") or UNKNOWN,
        kernel,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _node_state(obj: Object) -> str:
    conditions = obj.get("status", {}).get("conditions") or []
    ready = [c for c in conditions if c.get("type") == "Ready"]
    states = ["Ready" if c.get("status") == "True" else "NotReady" for c in ready] or ["Unknown"]
    if obj.get("spec", {}).get("unschedulable"):
        states.append("SchedulingDisabled")
    return joined(states)


def _roles(labels: dict[str, str]) -> str:
    found = {k[len(_ROLE_PREFIX) :] for k in labels if k.startswith(_ROLE_PREFIX)} - {""}
    if labels.get("kubernetes.io/role"):
        found.add(labels["kubernetes.io/role"])
    return joined(sorted(found)) or NONE


def _namespace(obj: Object, now: float) -> list[Any]:
    return [obj["metadata"]["name"], obj.get("status", {}).get("phase", ""), age(obj, now)]


def _event(obj: Object, now: float) -> list[Any]:
    involved = obj.get("involvedObject") or {}
    first = obj.get("firstTimestamp") or obj.get("eventTime")
    last = obj.get("lastTimestamp") or first
    count = obj.get("count") or 1
    series = obj.get("series")
    if series is not None:
        last, count = series.get("lastObservedTime"), series.get("count", 0)
    source = obj.get("source") or {}
    component = source.get("component") or obj.get("reportingComponent") or ""
    instance = source.get("host") or obj.get("reportingInstance")
    kind = involved.get("kind", "").lower()
    return [
        since(last, now),
        obj.get("type", ""),
        obj.get("reason", ""),
        f"{kind}/{involved['name']}" if involved.get("name") else kind,
        involved.get("fieldPath", ""),
        f"{component}, {instance}" if instance else component,
        (obj.get("message") or "").strip(),
        since(first, now),
        count,
        obj["metadata"]["name"],
    ]


def _config_map(obj: Object, now: float) -> list[Any]:
    count = len(obj.get("data") or {}) + len(obj.get("binaryData") or {})
    return [obj["metadata"]["name"], count, age(obj, now)]


def _secret(obj: Object, now: float) -> list[Any]:
    return [obj["metadata"]["name"], obj.get("type", ""), len(obj.get("data") or {}), age(obj, now)]


def _service_account(obj: Object, now: float) -> list[Any]:
    return [obj["metadata"]["name"], age(obj, now)]


def _quota(obj: Object, now: float) -> list[Any]:
    status = obj.get("status", {})
    requests: list[str] = []
    limits: list[str] = []
    for name, hard in sorted((status.get("hard") or {}).items()):
        used = (status.get("used") or {}).get(name, "0")
        (limits if name.startswith("limits.") else requests).append(f"{name}: {used}/{hard}")
    return [obj["metadata"]["name"], ", ".join(requests), ", ".join(limits), age(obj, now)]


def _lease(obj: Object, now: float) -> list[Any]:
    return [obj["metadata"]["name"], obj.get("spec", {}).get("holderIdentity", ""), age(obj, now)]


def _priority_class(obj: Object, now: float) -> list[Any]:
    return [
        obj["metadata"]["name"],
        obj.get("value", 0),
        obj.get("globalDefault", False),
        age(obj, now),
        obj.get("preemptionPolicy", "PreemptLowerPriority"),
    ]


def _runtime_class(obj: Object, now: float) -> list[Any]:
    return [obj["metadata"]["name"], obj.get("handler", ""), age(obj, now)]


def _signing_request(obj: Object, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    kinds = {c.get("type") for c in status.get("conditions") or []}
    state = [k for k in ("Denied", "Approved") if k in kinds][:1] or ["Pending"]
    if "Failed" in kinds:
        state.append("Failed")
    if status.get("certificate"):
        state.append("Issued")
    seconds = spec.get("expirationSeconds")
    return [
        obj["metadata"]["name"],
        age(obj, now),
        spec.get("signerName") or NONE,
        spec.get("username", ""),
        NONE if seconds is None else human_duration(seconds),
        joined(state),
    ]


def _component_status(obj: Object, now: float) -> list[Any]:
    told = obj.get("conditions") or []
    condition: Object = next((c for c in told if c.get("type") == "Healthy"), {})
    told_so = "Healthy" if condition.get("status") == "True" else "Unhealthy"
    return [
        obj["metadata"]["name"],
        told_so if condition else "Unknown",
        condition.get("message", ""),
        condition.get("error", ""),
    ]


def _api_service(obj: Object, now: float) -> list[Any]:
    service = obj.get("spec", {}).get("service")
    where = f"{service['namespace']}/{service['name']}" if service else "Local"
    told = obj.get("status", {}).get("conditions") or []
    condition = next((c for c in told if c.get("type") == "Available"), None)
    available = condition.get("status", "") if condition else "Unknown"
    if condition and condition.get("status", "") != "True" and condition.get("reason"):
        available += f" ({condition['reason']})"
    return [obj["metadata"]["name"], where, available, age(obj, now)]


PRINTERS = {
    ("", "Node"): Printer(
        (
            NAME,
            Column("Status"),
            Column("Roles"),
            AGE,
            Column("Version"),
            wide("Internal-IP"),
            wide("External-IP"),
            wide("OS-Image"),
            wide("Kernel-Version"),
            wide("Container-Runtime"),
        ),
        _node,
    ),
    ("", "Namespace"): Printer((NAME, Column("Status"), AGE), _namespace),
    **{
        (group, "Event"): Printer(
            (
                Column("Last Seen"),
                Column("Type"),
                Column("Reason"),
                Column("Object"),
                wide("Subobject"),
                wide("Source"),
                Column("Message"),
                wide("First Seen"),
                wide("Count"),
                Column("Name", format="name", priority=1),
            ),
            _event,
        )
        for group in ("", "events.k8s.io")
    },
    ("", "ConfigMap"): Printer((NAME, Column("Data"), AGE), _config_map),
    ("", "Secret"): Printer((NAME, Column("Type"), Column("Data"), AGE), _secret),
    ("", "ServiceAccount"): Printer((NAME, AGE), _service_account),
    ("", "ResourceQuota"): Printer((NAME, Column("Request"), Column("Limit"), AGE), _quota),
    ("", "ComponentStatus"): Printer(
        (NAME, Column("Status"), Column("Message"), Column("Error")), _component_status
    ),
    ("coordination.k8s.io", "Lease"): Printer((NAME, Column("Holder"), AGE), _lease),
    ("scheduling.k8s.io", "PriorityClass"): Printer(
        (
            NAME,
            number("Value"),
            Column("Global-Default", "boolean"),
            AGE,
            Column("PreemptionPolicy"),
        ),
        _priority_class,
    ),
    ("node.k8s.io", "RuntimeClass"): Printer((NAME, Column("Handler"), AGE), _runtime_class),
    ("certificates.k8s.io", "CertificateSigningRequest"): Printer(
        (
            NAME,
            AGE,
            Column("SignerName"),
            Column("Requestor"),
            Column("RequestedDuration"),
            Column("Condition"),
        ),
        _signing_request,
    ),
    ("apiregistration.k8s.io", "APIService"): Printer(
        (NAME, Column("Service"), Column("Available"), AGE), _api_service
    ),
}
