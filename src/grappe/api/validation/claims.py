"""PersistentVolumeClaims, on their own and as templates in pods and stateful sets.

https://kubernetes.io/docs/concepts/storage/persistent-volumes/#persistentvolumeclaims
"""

from __future__ import annotations

from collections.abc import Iterable

from grappe.api import Object, names, quantity
from grappe.api.causes import forbidden, invalid, not_supported, required
from grappe.api.validation.resources import is_native, resource_amount
from grappe.api.validation.rules import (
    Causes,
    annotation_map,
    immutable,
    label_map,
    label_selector,
    named,
    one_of,
    well_formed,
)
from grappe.api.validation.spec_diff import spec_diff

ACCESS_MODES = ("ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod")
VOLUME_MODES = ("Block", "Filesystem")
_BETA_CLASS = "volume.beta.kubernetes.io/storage-class"
_SETTLED = (
    "spec is immutable after creation except resources.requests and volumeAttributesClassName "
    "for bound claims"
)
_RESIZE_STATES = (
    "ControllerResizeInProgress",
    "ControllerResizeInfeasible",
    "NodeResizeInProgress",
    "NodeResizeInfeasible",
    "NodeResizePending",
)


def validate(obj: Object) -> Causes:
    yield from spec(obj.get("spec") or {}, "spec")


def access_modes(modes: Iterable[str], at: str) -> Causes:
    for mode in modes:
        yield from one_of(mode, at, ACCESS_MODES)
    known = set(modes).intersection(ACCESS_MODES)
    if "ReadWriteOncePod" in known and len(known) > 1:
        yield forbidden(at, "may not use ReadWriteOncePod with other access modes")


def spec(found: Object, at: str) -> Causes:
    modes = found.get("accessModes") or ()
    if not modes:
        yield required(f"{at}.accessModes", "at least 1 access mode is required")
    yield from label_selector(found.get("selector"), f"{at}.selector")
    yield from access_modes(modes, f"{at}.accessModes")
    storage = _asked(found)
    where = f"{at}.resources[storage]"
    if storage is None:
        yield required(where)
    else:
        yield from positive_amount(storage, where)
    yield from _class_name(found.get("storageClassName"), f"{at}.storageClassName")
    mode = found.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        yield not_supported(f"{at}.volumeMode", mode, VOLUME_MODES)
    yield from _data_sources(found, at)
    yield from _class_name(
        found.get("volumeAttributesClassName"), f"{at}.volumeAttributesClassName"
    )


def _asked(found: Object) -> str | None:
    asked: str | None = ((found.get("resources") or {}).get("requests") or {}).get("storage")
    return asked


def positive_amount(value: str, at: str) -> Causes:
    try:
        positive = quantity.parse(value) > 0
    except quantity.QuantityError as error:
        yield invalid(at, value, str(error))
        return
    if not positive:
        yield invalid(at, value, "must be greater than zero")


def _class_name(name: str | None, at: str) -> Causes:
    yield from named(name, at, names.dns_subdomain_problems, optional=True)


def _data_sources(found: Object, at: str) -> Causes:
    source, reference = found.get("dataSource"), found.get("dataSourceRef")
    if source is not None:
        yield from _data_source(source, f"{at}.dataSource")
    if reference is None:
        return
    yield from _data_source(reference, f"{at}.dataSourceRef")
    namespace = reference.get("namespace")
    if namespace:
        yield from well_formed(namespace, f"{at}.dataSourceRef.namespace", names.dns_label_problems)
        if source is not None:
            detail = "may not be specified when dataSourceRef.namespace is specified"
            yield invalid(at, f"{at}.dataSource", detail)
    elif source is not None and any(
        source.get(k) != reference.get(k) for k in ("apiGroup", "kind", "name")
    ):
        yield invalid(at, f"{at}.dataSource", "must match dataSourceRef")


def _data_source(source: Object, at: str) -> Causes:
    for field in ("name", "kind"):
        if not source.get(field):
            yield required(f"{at}.{field}")
    group, kind = source.get("apiGroup") or "", source.get("kind") or ""
    if not group and kind != "PersistentVolumeClaim":
        detail = "must be 'PersistentVolumeClaim' when referencing the default apiGroup"
        yield invalid(at, kind, detail)
    if group:
        yield from well_formed(group, f"{at}.apiGroup", names.dns_subdomain_problems)


def template(found: Object, at: str) -> Causes:
    """The claim of an ephemeral volume: of its metadata only labels and annotations count."""
    metadata = found.get("metadata") or {}
    yield from annotation_map(metadata.get("annotations"), f"{at}.metadata.annotations")
    yield from label_map(metadata.get("labels"), f"{at}.metadata.labels")
    for field in metadata:
        if field not in ("annotations", "labels", "creationTimestamp"):
            yield forbidden(f"{at}.metadata.{field}", "cannot be set")
    yield from spec(found.get("spec") or {}, f"{at}.spec")


def update(new: Object, old: Object) -> Causes:
    """A bound claim may grow and change its attributes; a class may be named once."""
    wanted, before = new.get("spec") or {}, old.get("spec") or {}
    yield from spec(wanted, "spec")
    beta, had_beta = (_beta_class(o) for o in (new, old))
    kept = dict(wanted)
    if not before.get("volumeName"):
        kept["volumeName"] = before.get("volumeName")
    named_class = wanted.get("storageClassName")
    if beta != had_beta and not (
        named_class is not None and named_class == had_beta and beta is None
    ):
        yield invalid(f"metadata.annotations.{_BETA_CLASS}", beta or "", "field is immutable")
    if before.get("storageClassName") is None and had_beta in (None, named_class):
        kept["storageClassName"] = None
    if (new.get("status") or {}).get("phase") == "Bound":
        kept["resources"] = _with_storage(wanted, _asked(before))
        kept["volumeAttributesClassName"] = before.get("volumeAttributesClassName")
    if _compared(kept) != _compared(before):
        yield forbidden("spec", f"{_SETTLED}\n{spec_diff(_compared(before), _compared(kept))}")
    yield from _shrunk(new, old)
    yield from immutable(wanted.get("volumeMode"), before.get("volumeMode"), "volumeMode")
    attributes, had = (s.get("volumeAttributesClassName") for s in (wanted, before))
    current = "currentVolumeAttributesClassName"
    if attributes != had and not attributes and (old.get("status") or {}).get(current) is not None:
        nothing = "nil" if attributes is None else "empty string"
        detail = f"update to {nothing} is forbidden when status.{current} is not nil"
        yield forbidden("spec.volumeAttributesClassName", detail)


def _beta_class(claim: Object) -> str | None:
    found: str | None = (claim["metadata"].get("annotations") or {}).get(_BETA_CLASS)
    return found


def _with_storage(found: Object, storage: str | None) -> Object:
    resources = found.get("resources") or {}
    if storage is None or not resources.get("requests"):
        return dict(resources)
    return {**resources, "requests": {**resources["requests"], "storage": storage}}


def _compared(found: Object) -> Object:
    return {k: v for k, v in found.items() if v not in (None, {}, [])}


def _shrunk(new: Object, old: Object) -> Causes:
    """Less than was asked for before is all right as long as it is more than there is."""
    wanted, before = _asked(new.get("spec") or {}), _asked(old.get("spec") or {})
    held = ((old.get("status") or {}).get("capacity") or {}).get("storage", "0")
    try:
        smaller = quantity.compare(wanted or "0", before or "0") < 0
        too_small = quantity.compare(wanted or "0", held) <= 0
    except quantity.QuantityError:
        return
    if smaller and too_small:
        where = "spec.resources.requests.storage"
        yield forbidden(where, "field can not be less than status.capacity")


def status_update(new: Object, old: Object) -> Causes:
    status = new.get("status") or {}
    for name, value in (status.get("capacity") or {}).items():
        if quantity.parse(value) < 0:
            yield invalid(
                f"status.capacity[{name}]",
                int(quantity.parse(value)),
                "must be a valid resource quantity",
            )
    at = "status.allocatedResourceStatuses"
    for name, state in (status.get("allocatedResourceStatuses") or {}).items():
        yield from _resizable(name, at)
        if state not in _RESIZE_STATES:
            yield not_supported(at, name, _RESIZE_STATES)
    at = "status.allocatedResources"
    for name, value in (status.get("allocatedResources") or {}).items():
        problems = list(_resizable(name, at))
        yield from problems
        if not problems:
            yield from resource_amount("storage", value, f"{at}[{name}]")


def _resizable(name: str, at: str) -> Causes:
    """What of a claim can grow: its storage, and what others define."""
    problems = names.qualified_name_problems(name)
    for problem in problems:
        yield invalid(at, name, problem)
    if not problems and is_native(name) and name != "storage":
        yield not_supported(at, name, ("storage",))
