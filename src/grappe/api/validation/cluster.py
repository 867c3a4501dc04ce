"""Namespaces, nodes, events, priorities, runtimes, leases."""

from __future__ import annotations

from collections.abc import Mapping

from grappe.api import Object, names
from grappe.api.causes import duplicate, forbidden, invalid, not_supported, required
from grappe.api.validation.affinity import taints, tolerations
from grappe.api.validation.metadata import standard_finalizer
from grappe.api.validation.resources import requirements, resource_amount
from grappe.api.validation.rules import (
    Causes,
    immutable,
    label_map,
    named,
    network,
    not_negative,
    parsed_network,
    positive,
    qualified,
    well_formed,
)

_HIGHEST_USER_PRIORITY = 1_000_000_000
_CLUSTER_CRITICAL, _NODE_CRITICAL = 2_000_000_000, 2_000_001_000
_SYSTEM_CLASSES: Mapping[str, int] = {
    "system-cluster-critical": _CLUSTER_CRITICAL,
    "system-node-critical": _NODE_CRITICAL,
}
_INSTANCE_MAX, _NOTE_MAX = 128, 1024
_FROM_NOTHING = 'node updates may not change {} except from "" to valid'


def namespace(obj: Object) -> Causes:
    for finalizer in (obj.get("spec") or {}).get("finalizers") or ():
        yield from qualified(finalizer, "spec.finalizers")
        yield from standard_finalizer(finalizer, "spec.finalizers")


def namespace_finalize(new: Object, old: Object) -> Causes:
    for i, finalizer in enumerate((new.get("spec") or {}).get("finalizers") or ()):
        yield from qualified(finalizer, f"spec.finalizers[{i}]")
        yield from standard_finalizer(finalizer, f"spec.finalizers[{i}]")


def namespace_status(new: Object, old: Object) -> Causes:
    phase = (new.get("status") or {}).get("phase") or ""
    ending = bool(new["metadata"].get("deletionTimestamp"))
    wanted = "Terminating" if ending else "Active"
    if phase != wanted:
        state = "not empty" if ending else "empty"
        detail = f"may only be '{wanted}' if `deletionTimestamp` is {state}"
        yield invalid("status.Phase", phase, detail)


def node(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    yield from taints(spec.get("taints") or (), "metadata.taints")
    yield from _node_amounts(obj)
    ranges = spec.get("podCIDRs") or []
    at = "spec.podCIDRs"
    for i, text in enumerate(ranges):
        yield from network(text, f"{at}[{i}]")
    if len(ranges) > 1:
        versions = {found.version for text in ranges if (found := parsed_network(text))}
        if len(ranges) > 2 or len(versions) != 2:
            yield invalid(at, ranges, "may specify no more than one CIDR for each IP family")
        for i, text in enumerate(ranges):
            if text in ranges[:i]:
                yield duplicate(f"{at}[{i}]", text)


def _node_amounts(obj: Object) -> Causes:
    status = obj.get("status") or {}
    for part in ("capacity", "allocatable"):
        for name, value in (status.get(part) or {}).items():
            yield from resource_amount(name, value, f"status.{part}.{name}")


def node_update(new: Object, old: Object) -> Causes:
    """Of the node and of its status alike."""
    yield from _node_amounts(new)
    addresses = (new.get("status") or {}).get("addresses") or []
    for i, found in enumerate(addresses):
        if found in addresses[:i]:
            yield duplicate(f"status.addresses[{i}]", found)
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    if before.get("podCIDRs") and spec.get("podCIDRs") != before["podCIDRs"]:
        yield forbidden("spec.podCIDRs", _FROM_NOTHING.format("podCIDR"))
    if before.get("providerID") and spec.get("providerID") != before["providerID"]:
        yield forbidden("spec.providerID", _FROM_NOTHING.format("providerID"))
    if spec.get("taints") != before.get("taints"):
        yield from taints(spec.get("taints") or (), "metadata.taints")
    if spec.get("externalID") != before.get("externalID"):
        yield forbidden("spec.externalID", "may not be updated")


def event(obj: Object) -> Causes:
    """Of either group: an event is of the namespace of what it is about."""
    involved = obj.get("involvedObject") or obj.get("regarding") or {}
    own, theirs = obj["metadata"].get("namespace"), involved.get("namespace") or ""
    if theirs != own and (theirs or own not in ("default", "kube-system")):
        yield invalid("involvedObject.namespace", theirs, "does not match event.namespace")
    if obj.get("eventTime"):
        yield from _new_event(obj)


def _new_event(obj: Object) -> Causes:
    """Events with a time of their own say who reports them, and what was done."""
    modern = "regarding" in obj or (obj.get("apiVersion") or "").startswith("events.k8s.io/")
    controller = "reportingController" if modern else "reportingComponent"
    name, instance = obj.get(controller) or "", obj.get("reportingInstance") or ""
    if not name:
        yield required(controller)
    else:
        yield from qualified(name, controller)
    if not instance:
        yield required("reportingInstance")
    elif len(instance) > _INSTANCE_MAX:
        yield invalid("reportingInstance", "", f"can have at most {_INSTANCE_MAX} characters")
    for field in ("action", "reason"):
        value = obj.get(field) or ""
        if not value:
            yield required(field)
        elif len(value) > _INSTANCE_MAX:
            yield invalid(field, "", f"can have at most {_INSTANCE_MAX} characters")
    note = obj.get("note") or obj.get("message") or ""
    if len(note) > _NOTE_MAX:
        yield invalid("note", "", f"can have at most {_NOTE_MAX} characters")


def modern_event(obj: Object) -> Causes:
    """`events.k8s.io/v1` asks for what the older form leaves open."""
    yield from event(obj)
    if not obj.get("eventTime"):
        yield required("eventTime")
    kind = obj.get("type") or ""
    if kind not in ("Normal", "Warning"):
        yield invalid("type", "", f"has invalid value: {kind}")
    for field, shown in (
        ("deprecatedFirstTimestamp", "firstTimestamp"),
        ("deprecatedLastTimestamp", "lastTimestamp"),
    ):
        if obj.get(field):
            yield invalid(shown, "", "needs to be unset")
    if obj.get("deprecatedCount"):
        yield invalid("count", "", "needs to be unset")
    if obj.get("deprecatedSource"):
        yield invalid("source", "", "needs to be unset")


# As the fields are called in the form that is told of.
_SETTLED_IN_EVENTS = {
    "regarding": "involvedObject",
    "reason": "reason",
    "note": "message",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "type": "type",
    "eventTime": "eventTime",
    "action": "action",
    "related": "related",
    "reportingController": "reportingController",
    "reportingInstance": "reportingInstance",
}


def modern_event_update(new: Object, old: Object) -> Causes:
    """Only a series goes on."""
    for field, told in _SETTLED_IN_EVENTS.items():
        yield from immutable(new.get(field), old.get(field), told)


def priority_class(obj: Object) -> Causes:
    name, value = obj["metadata"].get("name") or "", obj.get("value", 0)
    if name.startswith("system-"):
        if problem := _system_class_problem(name, value, bool(obj.get("globalDefault"))):
            detail = (
                "priority class names with 'system-' prefix are reserved for system use only. "
                f"error: {problem}"
            )
            yield forbidden("metadata.name", detail)
    elif value > _HIGHEST_USER_PRIORITY:
        detail = f"maximum allowed value of a user defined priority is {_HIGHEST_USER_PRIORITY}"
        yield forbidden("value", detail)
    policy = obj.get("preemptionPolicy")
    if policy is not None and policy not in ("PreemptLowerPriority", "Never"):
        yield not_supported("preemptionPolicy", policy, ("PreemptLowerPriority", "Never"))


def _system_class_problem(name: str, value: int, default: bool) -> str:
    wanted = _SYSTEM_CLASSES.get(name)
    if wanted is None:
        return f"{name} is not a known system priority class"
    if value != wanted:
        return f"value of {name} PriorityClass must be {wanted}"
    return f"globalDefault of {name} PriorityClass must be false" if default else ""


def priority_class_update(new: Object, old: Object) -> Causes:
    if new.get("value", 0) != old.get("value", 0):
        yield forbidden("value", "may not be changed in an update.")
    policy = "preemptionPolicy"
    yield from immutable(new.get(policy), old.get(policy), policy)


def runtime_class(obj: Object) -> Causes:
    yield from well_formed(obj.get("handler") or "", "handler", names.dns_label_problems)
    if fixed := (obj.get("overhead") or {}).get("podFixed"):
        yield from requirements({"limits": fixed}, "overhead.podFixed")
    scheduling = obj.get("scheduling") or {}
    yield from label_map(scheduling.get("nodeSelector"), "scheduling.nodeSelector")
    tolerated = scheduling.get("tolerations") or []
    yield from tolerations(tolerated, "scheduling.tolerations")
    for i, toleration in enumerate(tolerated):
        if toleration in tolerated[:i]:
            yield duplicate(f"scheduling.tolerations[{i}]", toleration)


def runtime_class_update(new: Object, old: Object) -> Causes:
    yield from immutable(new.get("handler"), old.get("handler"), "handler")


def lease(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    yield from positive(spec.get("leaseDurationSeconds"), "spec.leaseDurationSeconds")
    yield from not_negative(spec.get("leaseTransitions"), "spec.leaseTransitions")
    strategy = spec.get("strategy")
    if strategy is not None:
        yield from named(strategy, "spec.strategy", names.qualified_name_problems)
    if "preferredHolder" in spec and strategy is None:
        detail = "may only be specified if `strategy` is defined"
        yield forbidden("spec.preferredHolder", detail)
