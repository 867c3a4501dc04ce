"""Where a container mounts the pod's volumes, as directories and as devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from grappe.api import Object
from grappe.api.causes import forbidden, invalid, not_found, not_supported, required
from grappe.api.validation.paths import descending_path
from grappe.api.validation.rules import Causes

_PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
_RECURSIVE = ("Disabled", "Enabled", "IfPossible")


def volume_mounts(container: Object, at: str, volumes: Mapping[str, Object]) -> Causes:
    """`volumes` are the valid volumes of the pod, by name."""
    devices = {d.get("name"): d.get("devicePath") for d in container.get("volumeDevices") or ()}
    seen: set[str] = set()
    for i, mount in enumerate(container["volumeMounts"]):
        where = f"{at}[{i}]"
        name, path = mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            yield required(f"{where}.name")
        if name not in volumes:
            yield not_found(f"{where}.name", name)
        if not path:
            yield required(f"{where}.mountPath")
        if path in seen:
            yield invalid(f"{where}.mountPath", path, "must be unique")
        seen.add(path)
        if devices:
            if name in devices:
                yield invalid(f"{where}.name", name, "must not already exist in volumeDevices")
            if path in devices.values():
                detail = "must not already exist as a path in volumeDevices"
                yield invalid(f"{where}.mountPath", path, detail)
        if len(mount) > 2:
            yield from _options(mount, container, at, where)


def _options(mount: Object, container: Object, at: str, where: str) -> Causes:
    inner, expression = mount.get("subPath"), mount.get("subPathExpr")
    if inner:
        yield from descending_path(inner, f"{at}.subPath")
    if expression:
        if inner:
            detail = "subPathExpr and subPath are mutually exclusive"
            yield invalid(f"{where}.subPathExpr", expression, detail)
        yield from descending_path(expression, f"{at}.subPathExpr")
    propagation = mount.get("mountPropagation")
    if propagation is not None:
        if propagation not in _PROPAGATIONS:
            yield not_supported(f"{at}.mountPropagation", propagation, _PROPAGATIONS)
        privileged = (container.get("securityContext") or {}).get("privileged")
        if propagation == "Bidirectional" and not privileged:
            detail = "Bidirectional mount propagation is available only to privileged containers"
            yield forbidden(f"{at}.mountPropagation", detail)
    recursive = mount.get("recursiveReadOnly")
    if recursive in ("Enabled", "IfPossible"):
        if not mount.get("readOnly"):
            detail = "may only be specified when readOnly is true"
            yield forbidden(f"{at}.recursiveReadOnly", detail)
        if propagation not in (None, "None"):
            detail = "may only be specified when mountPropagation is None or not specified"
            yield forbidden(f"{at}.recursiveReadOnly", detail)
    elif recursive is not None and recursive != "Disabled":
        yield not_supported(f"{at}.recursiveReadOnly", recursive, _RECURSIVE)


def volume_devices(container: Object, at: str, volumes: Mapping[str, Object]) -> Causes:
    mounts = {m.get("name"): m.get("mountPath") for m in container.get("volumeMounts") or ()}
    seen_names: set[str] = set()
    seen_paths: set[str] = set()
    for i, device in enumerate(container["volumeDevices"]):
        where = f"{at}[{i}]"
        name, path = device.get("name") or "", device.get("devicePath") or ""
        if not name:
            yield required(f"{where}.name")
        if name in seen_names:
            yield invalid(f"{where}.name", name, "must be unique")
        yield from _claimed(name, f"{where}.name", volumes)
        if not path:
            yield required(f"{where}.devicePath")
        if path in seen_paths:
            yield invalid(f"{where}.devicePath", path, "must be unique")
        if ".." in path.split("/"):
            yield invalid(f"{where}.devicePath", path, "can not contain backsteps ('..')")
        else:
            seen_paths.add(path)
        if name in mounts:
            yield invalid(f"{where}.name", name, "must not already exist in volumeMounts")
        if path in mounts.values():
            detail = "must not already exist as a path in volumeMounts"
            yield invalid(f"{where}.devicePath", path, detail)
        if name:
            seen_names.add(name)


def _claimed(name: str, at: str, volumes: Mapping[str, Object]) -> Causes:
    """Only claims can be used as devices."""
    volume = volumes.get(name)
    if volume is None:
        yield not_found(at, name)
    elif "persistentVolumeClaim" not in volume and "ephemeral" not in volume:
        detail = (
            "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"
        )
        yield invalid(at, name, detail)


def without_sub_paths(mounts: Iterable[Object], at: str) -> Causes:
    """Ephemeral containers mount whole volumes only."""
    for i, mount in enumerate(mounts):
        for field in ("subPath", "subPathExpr"):
            if mount.get(field):
                detail = "cannot be set for an Ephemeral Container"
                yield forbidden(f"{at}[{i}].{field}", detail)
