"""Dynamic resource allocation: device classes, claims and their templates, slices
(https://kubernetes.io/docs/concepts/scheduling-eviction/dynamic-resource-allocation/)."""

from __future__ import annotations

from collections.abc import Iterable

from grappe.api import Object, names
from grappe.api.causes import duplicate, invalid, not_supported, required, too_long, too_many
from grappe.api.validation.affinity import node_selector, tolerations
from grappe.api.validation.rules import (
    Causes,
    annotation_map,
    immutable,
    label_map,
    named,
    positive,
    settled,
    well_formed,
)
from grappe.api.validation.volume_sources import csi_driver_name

_MOST_REQUESTS = _MOST_SELECTORS = _MOST_CONSTRAINTS = _MOST_CONFIGS = 32
_MOST_SUBREQUESTS = 8
_MOST_DEVICES = 128
_MOST_ATTRIBUTES = 32
_MODES = ("All", "ExactCount")
_ATTRIBUTE_KINDS = ("bool", "int", "string", "version")
_LONGEST_TEXT = 64
_NODES = ("nodeName", "nodeSelector", "allNodes", "perDeviceNodeSelection")
_GREATER = "must be greater than zero"


def device_class(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    yield from _selectors(spec.get("selectors") or (), "spec.selectors")
    yield from _configs(spec.get("config") or (), "spec.config")


def device_class_update(new: Object, old: Object) -> Causes:
    yield from device_class(new)


def claim(obj: Object) -> Causes:
    yield from _claim_spec(obj.get("spec") or {}, "spec")


def claim_update(new: Object, old: Object) -> Causes:
    yield from immutable(new.get("spec"), old.get("spec"), "spec")


def claim_template(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    metadata = spec.get("metadata") or {}
    yield from annotation_map(metadata.get("annotations"), "spec.metadata.annotations")
    yield from label_map(metadata.get("labels"), "spec.metadata.labels")
    yield from _claim_spec(spec.get("spec") or {}, "spec.spec")


def _selectors(selectors: list[Object] | tuple[()], at: str) -> Causes:
    if len(selectors) > _MOST_SELECTORS:
        yield too_many(at, len(selectors), _MOST_SELECTORS)
    for i, selector in enumerate(selectors):
        cel = selector.get("cel")
        if cel is None:
            yield required(f"{at}[{i}].cel")
        elif not cel.get("expression"):
            yield required(f"{at}[{i}].cel.expression")


def _configs(configs: list[Object] | tuple[()], at: str) -> Causes:
    if len(configs) > _MOST_CONFIGS:
        yield too_many(at, len(configs), _MOST_CONFIGS)
    for i, config in enumerate(configs):
        opaque = config.get("opaque")
        if opaque is None:
            yield required(f"{at}[{i}].opaque")
            continue
        yield from csi_driver_name(opaque.get("driver") or "", f"{at}[{i}].opaque.driver")
        if opaque.get("parameters") is None:
            yield required(f"{at}[{i}].opaque.parameters")


def _claim_spec(spec: Object, at: str) -> Causes:
    devices = spec.get("devices") or {}
    at = f"{at}.devices"
    requests = devices.get("requests") or ()
    if len(requests) > _MOST_REQUESTS:
        yield too_many(f"{at}.requests", len(requests), _MOST_REQUESTS)
    known: set[str] = set()
    for i, request in enumerate(requests):
        yield from _request(request, f"{at}.requests[{i}]", known)
    for part, most in (("constraints", _MOST_CONSTRAINTS), ("config", _MOST_CONFIGS)):
        listed = devices.get(part) or ()
        if part == "constraints" and len(listed) > most:
            yield too_many(f"{at}.{part}", len(listed), most)
        for i, entry in enumerate(listed):
            yield from _known(entry.get("requests") or (), known, f"{at}.{part}[{i}].requests")
    for i, constraint in enumerate(devices.get("constraints") or ()):
        if not constraint.get("matchAttribute") and not constraint.get("distinctAttribute"):
            yield required(f"{at}.constraints[{i}].matchAttribute")
    yield from _configs(devices.get("config") or (), f"{at}.config")


def _known(wanted: Iterable[str], known: set[str], at: str) -> Causes:
    seen: set[str] = set()
    for i, name in enumerate(wanted):
        if name not in known:
            detail = (
                "must be the name of a request in the claim or the name of a request and a "
                "subrequest separated by '/'"
            )
            yield invalid(f"{at}[{i}]", name, detail)
        if name in seen:
            yield duplicate(f"{at}[{i}]", name)
        seen.add(name)


def _request(request: Object, at: str, known: set[str]) -> Causes:
    name = request.get("name") or ""
    yield from named(name, f"{at}.name", names.dns_label_problems)
    if name in known:
        yield duplicate(f"{at}.name", name)
    known.add(name)
    exactly, first = request.get("exactly"), request.get("firstAvailable")
    if exactly is not None and first:
        detail = (
            "exactly one of `exactly` or `firstAvailable` is required, but multiple fields are set"
        )
        yield invalid(at, request, detail)
    elif exactly is not None:
        yield from _exact(exactly, f"{at}.exactly")
    elif first:
        if len(first) > _MOST_SUBREQUESTS:
            yield too_many(f"{at}.firstAvailable", len(first), _MOST_SUBREQUESTS)
        for i, part in enumerate(first):
            where = f"{at}.firstAvailable[{i}]"
            own = part.get("name") or ""
            yield from named(own, f"{where}.name", names.dns_label_problems)
            if f"{name}/{own}" in known:
                yield duplicate(f"{where}.name", own)
            known.add(f"{name}/{own}")
            yield from _exact(part, where)
    else:
        yield required(at, "exactly one of `exactly` or `firstAvailable` is required")


def _exact(request: Object, at: str) -> Causes:
    where = f"{at}.deviceClassName"
    yield from named(request.get("deviceClassName"), where, names.dns_subdomain_problems)
    yield from _selectors(request.get("selectors") or (), f"{at}.selectors")
    mode, count = request.get("allocationMode", "ExactCount"), request.get("count", 1)
    if mode not in _MODES:
        yield not_supported(f"{at}.allocationMode", mode, _MODES)
    elif mode == "All" and "count" in request and count:
        detail = "must not be specified when allocationMode is 'All'"
        yield invalid(f"{at}.count", count, detail)
    elif mode == "ExactCount":
        yield from positive(count, f"{at}.count", _GREATER)
    yield from tolerations(request.get("tolerations") or (), f"{at}.tolerations")


def slice_(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    yield from csi_driver_name(spec.get("driver") or "", "spec.driver")
    yield from _pool(spec.get("pool") or {}, "spec.pool")
    given = [field for field in _NODES if spec.get(field)]
    shown = ", ".join(f"`{field}`" for field in _NODES)
    if not given:
        yield required("spec", f"exactly one of {shown} is required")
    elif len(given) > 1:
        told = "{" + ", ".join(f"`{field}`" for field in given) + "}"
        detail = f"exactly one of {shown} is required, but multiple fields are set"
        yield invalid("spec", told, detail)
    if node := spec.get("nodeName"):
        yield from well_formed(node, "spec.nodeName", names.dns_subdomain_problems)
    if (selector := spec.get("nodeSelector")) is not None:
        yield from node_selector(selector, "spec.nodeSelector")
    devices = spec.get("devices") or ()
    if len(devices) > _MOST_DEVICES:
        yield too_many("spec.devices", len(devices), _MOST_DEVICES)
    seen: set[str] = set()
    for i, device in enumerate(devices):
        yield from _device(device, f"spec.devices[{i}]", seen)


def _pool(pool: Object, at: str) -> Causes:
    name = pool.get("name") or ""
    if not name:
        yield required(f"{at}.name")
    for part in name.split("/") if name else ():
        yield from well_formed(part, f"{at}.name", names.dns_subdomain_problems)
    yield from positive(pool.get("resourceSliceCount", 0), f"{at}.resourceSliceCount", _GREATER)
    generation = pool.get("generation", 0)
    if generation < 0:
        detail = "must be greater than or equal to zero"
        yield invalid(f"{at}.generation", generation, detail)


def _device(device: Object, at: str, seen: set[str]) -> Causes:
    name = device.get("name") or ""
    yield from named(name, f"{at}.name", names.dns_label_problems)
    if name in seen:
        yield duplicate(f"{at}.name", name)
    seen.add(name)
    attributes, capacity = device.get("attributes") or {}, device.get("capacity") or {}
    count = len(attributes) + len(capacity)
    if count > _MOST_ATTRIBUTES:
        detail = f"the total number of attributes and capacities must not exceed {_MOST_ATTRIBUTES}"
        yield invalid(at, count, detail)
    for key, value in attributes.items():
        where = f"{at}.attributes[{key}]"
        yield from _attribute_name(key, where)
        given = [kind for kind in _ATTRIBUTE_KINDS if kind in value]
        if not given:
            yield required(where, "exactly one value must be specified")
        elif len(given) > 1:
            yield invalid(where, value, "exactly one value must be specified")
        text = value.get("string") or value.get("version") or ""
        if len(text) > _LONGEST_TEXT:
            yield too_long(f"{where}.{given[0]}", _LONGEST_TEXT)
    for key in capacity:
        yield from _attribute_name(key, f"{at}.capacity[{key}]")


def _attribute_name(key: str, at: str) -> Causes:
    """A C identifier, after whose it is if not the driver's own."""
    domain, slash, identifier = key.rpartition("/")
    if slash:
        yield from named(domain, at, names.dns_subdomain_problems)
    if not identifier:
        yield required(at)
    elif not (identifier.isascii() and identifier.isidentifier()):
        detail = (
            "a valid C identifier must start with alphabetic character or '_', followed by a "
            "string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or "
            "'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')"
        )
        yield invalid(at, identifier, detail)


def slice_update(new: Object, old: Object) -> Causes:
    yield from slice_(new)
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    pool, had = spec.get("pool") or {}, before.get("pool") or {}
    yield from immutable(pool.get("name"), had.get("name"), "spec.pool.name")
    yield from settled(spec, before, "spec", "driver", "nodeName")
