"""Storage classes, attachments, CSI drivers and nodes, attribute classes
(https://kubernetes.io/docs/concepts/storage/)."""

from __future__ import annotations

from grappe.api import Object, names, quantity
from grappe.api.causes import duplicate, forbidden, invalid, not_supported, required, too_long
from grappe.api.validation import persistent_volumes
from grappe.api.validation.rules import (
    IMMUTABLE,
    Causes,
    amount,
    immutable,
    label_selector,
    not_negative,
    one_of,
    qualified,
    settled,
    well_formed,
)
from grappe.api.validation.volume_sources import csi_driver_name

_MOST_PARAMETERS = 512
_MOST_BYTES = 256 * 1024
_MOST_ERROR_BYTES = 1024
_NODE_ID_MAX = 256
_MODES = ("Immediate", "WaitForFirstConsumer")


def storage_class(obj: Object) -> Causes:
    yield from _provisioner(obj.get("provisioner") or "", "provisioner")
    yield from _parameters(obj.get("parameters") or {}, "parameters")
    policy = obj.get("reclaimPolicy")
    yield from one_of(policy, "reclaimPolicy", ("Delete", "Retain"), optional=True)
    yield from one_of(obj.get("volumeBindingMode"), "volumeBindingMode", _MODES)
    yield from _topologies(obj.get("allowedTopologies") or (), "allowedTopologies")


def _provisioner(name: str, at: str) -> Causes:
    if not name:
        yield required(at)
    else:
        yield from qualified(name.lower(), at)


def _parameters(parameters: Object, at: str) -> Causes:
    if len(parameters) > _MOST_PARAMETERS:
        yield too_long(at, _MOST_PARAMETERS)
        return
    if "" in parameters:
        yield invalid(at, "", "field can not be empty.")
    if sum(len(k.encode()) + len(v.encode()) for k, v in parameters.items()) > _MOST_BYTES:
        yield too_long(at, _MOST_BYTES)


def _topologies(terms: list[Object] | tuple[()], at: str) -> Causes:
    whole: list[dict[str, set[str]]] = []
    for i, term in enumerate(terms):
        said: dict[str, set[str]] = {}
        for j, rule in enumerate(term.get("matchLabelExpressions") or ()):
            where = f"{at}[{i}].matchLabelExpressions[{j}]"
            key, values = rule.get("key") or "", rule.get("values") or []
            if not values:
                yield required(f"{where}.values")
            for k, value in enumerate(values):
                if value in values[:k]:
                    yield duplicate(f"{where}.values[{k}]", value)
            yield from qualified(key, f"{where}.key")
            if key in said:
                yield duplicate(f"{where}.key", key)
            said[key] = set(values)
        if said in whole:
            yield duplicate(f"{at}[{i}].matchLabelExpressions", "")
        whole.append(said)


def storage_class_update(new: Object, old: Object) -> Causes:
    fields = ("parameters", "provisioner", "reclaimPolicy", "volumeBindingMode")
    yield from settled(new, old, "", *fields)


def attributes_class(obj: Object) -> Causes:
    yield from _provisioner(obj.get("driverName") or "", "driverName")
    parameters = obj.get("parameters") or {}
    yield from _parameters(parameters, "parameters")
    if not parameters:
        yield required("parameters", "must contain at least one key/value pair")


def attributes_class_update(new: Object, old: Object) -> Causes:
    for field in ("driverName", "parameters"):
        if new.get(field) != old.get(field):
            yield forbidden(field, f"updates to {field} are forbidden.")
    yield from attributes_class(new)


def attachment(obj: Object) -> Causes:
    yield from _attachment(obj)
    spec = obj.get("spec") or {}
    yield from csi_driver_name(spec.get("attacher") or "", "spec.attacher")
    if name := (spec.get("source") or {}).get("persistentVolumeName"):
        where = "spec.source.persistentVolumeName"
        yield from well_formed(name, where, names.dns_subdomain_problems)


def _attachment(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    if not spec.get("attacher"):
        yield required("spec.attacher")
    source, at = spec.get("source") or {}, "spec.source"
    inline, name = source.get("inlineVolumeSpec"), source.get("persistentVolumeName")
    detail = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
    if inline is None and name is None:
        yield required(at, detail)
    elif inline is not None and name is not None:
        yield forbidden(at, detail)
    elif inline is not None:
        yield from persistent_volumes.spec(inline, f"{at}.inlineVolumeSpec", inline=True)
    elif not name:
        yield required(f"{at}.persistentVolumeName", "must specify non empty persistentVolumeName")
    yield from well_formed(
        spec.get("nodeName") or "", "spec.nodeName", names.dns_subdomain_problems
    )
    yield from _attachment_status(obj.get("status") or {})


def _attachment_status(status: Object) -> Causes:
    metadata = status.get("attachmentMetadata") or {}
    if sum(len(k) + len(v) for k, v in metadata.items()) > _MOST_BYTES:
        yield too_long("status.attachmentMetadata", _MOST_BYTES)
    for field in ("attachError", "detachError"):
        error = status.get(field) or {}
        if len((error.get("message") or "").encode()) > _MOST_ERROR_BYTES:
            yield too_long(f"status.{field}.message", _MOST_BYTES)
        code = error.get("errorCode")
        if code is not None and code < 0:
            detail = names.range_problem(0, 2**31 - 1)
            yield invalid(f"status.{field}.errorCode", code, detail)


def attachment_update(new: Object, old: Object) -> Causes:
    yield from _attachment(new)
    if new.get("spec") != old.get("spec"):
        yield invalid("spec", new.get("spec"), IMMUTABLE)


def attachment_status(new: Object, old: Object) -> Causes:
    yield from _attachment_status(new.get("status") or {})


def csi_node(obj: Object) -> Causes:
    seen: set[str] = set()
    for i, driver in enumerate((obj.get("spec") or {}).get("drivers") or ()):
        at = f"spec.drivers[{i}]"
        name, node = driver.get("name") or "", driver.get("nodeID") or ""
        yield from csi_driver_name(name, f"{at}.name")
        if not node:
            yield required(f"{at}.nodeID")
        if len(node.encode()) > _NODE_ID_MAX:
            yield invalid(f"{at}.nodeID", node, f"must be {_NODE_ID_MAX} characters or less")
        count = (driver.get("allocatable") or {}).get("count")
        yield from not_negative(count, f"{at}.allocatable.count")
        if name in seen:
            yield duplicate(f"{at}.name", name)
        seen.add(name)
        keys: set[str] = set()
        for key in driver.get("topologyKeys") or ():
            if not key:
                yield required(at)
            if key in keys:
                yield duplicate(at, key)
            keys.add(key)
            yield from qualified(key, at)


def csi_node_update(new: Object, old: Object) -> Causes:
    yield from csi_node(new)

    def drivers(node: Object) -> dict[str, Object]:
        listed = (node.get("spec") or {}).get("drivers") or ()
        return {d.get("name"): {k: v for k, v in d.items() if k != "allocatable"} for d in listed}

    now = drivers(new)
    for name, driver in drivers(old).items():
        if name in now and now[name] != driver:
            yield invalid("spec.drivers", now[name], IMMUTABLE)


def csi_driver(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    for field, shown in (
        ("attachRequired", "attachedRequired"),
        ("podInfoOnMount", "podInfoOnMount"),
        ("storageCapacity", "storageCapacity"),
    ):
        if spec.get(field) is None:
            yield required(f"spec.{shown}")
    policies = ("File", "None", "ReadWriteOnceWithFSType")
    policy = spec.get("fsGroupPolicy")
    if policy is not None and policy not in policies:
        yield not_supported("spec.fsGroupPolicy", policy, policies)
    yield from _token_requests(spec.get("tokenRequests") or (), "spec.tokenRequests")
    for mode in spec.get("volumeLifecycleModes") or ():
        if mode not in ("Persistent", "Ephemeral"):
            choice = ("Persistent", "Ephemeral")
            yield not_supported("spec.volumeLifecycleModes", mode, choice)
    period = spec.get("nodeAllocatableUpdatePeriodSeconds")
    if period is not None and period < 10:
        where = "spec.nodeAllocatableUpdatePeriodSeconds"
        yield invalid(where, period, "must be greater than or equal to 10 seconds")


def _token_requests(requests: list[Object] | tuple[()], at: str) -> Causes:
    seen: set[str] = set()
    for i, request in enumerate(requests):
        audience, seconds = request.get("audience") or "", request.get("expirationSeconds")
        if audience in seen:
            yield duplicate(f"{at}[{i}].audience", audience)
            continue
        seen.add(audience)
        where = f"{at}[{i}].expirationSeconds"
        if seconds is not None and seconds < 600:
            yield invalid(where, seconds, "may not specify a duration less than 10 minutes")
        if seconds is not None and seconds > 1 << 32:
            yield invalid(where, seconds, "may not specify a duration larger than 2^32 seconds")


def csi_driver_update(new: Object, old: Object) -> Causes:
    yield from csi_driver(new)
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    for field, shown in (
        ("attachRequired", "attachedRequired"),
        ("volumeLifecycleModes", "volumeLifecycleModes"),
    ):
        yield from immutable(spec.get(field), before.get(field), f"spec.{shown}")


def capacity(obj: Object) -> Causes:
    yield from label_selector(obj.get("nodeTopology"), "nodeTopology")
    name = obj.get("storageClassName") or ""
    yield from well_formed(name, "storageClassName", names.dns_subdomain_problems)
    if (size := obj.get("capacity")) is not None:
        yield from amount(size, "capacity")
    if (size := obj.get("maximumVolumeSize")) is not None and quantity.parse(size) < 0:
        yield from amount(size, "maximumVolumeSize")


def capacity_update(new: Object, old: Object) -> Causes:
    yield from immutable(new.get("nodeTopology"), old.get("nodeTopology"), "nodeTopology")
    name = "storageClassName"
    yield from immutable(new.get(name), old.get(name), name)
