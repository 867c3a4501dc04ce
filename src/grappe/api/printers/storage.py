"""Volumes, their claims and classes, and what drivers report."""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.printers.column import (
    AGE,
    NAME,
    NONE,
    UNSET,
    Column,
    Printer,
    age,
    joined,
    number,
    wide,
)

_MODES = {
    "ReadWriteOnce": "RWO",
    "ReadOnlyMany": "ROX",
    "ReadWriteMany": "RWX",
    "ReadWriteOncePod": "RWOP",
}
_DEFAULT_CLASS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


def _modes(modes: list[str] | None) -> str:
    return joined(short for mode, short in _MODES.items() if mode in (modes or []))


def _class(obj: Object) -> str:
    """An annotation older than the field comes first."""
    annotations = obj["metadata"].get("annotations") or {}
    named = annotations.get("volume.beta.kubernetes.io/storage-class")
    return str(obj["spec"].get("storageClassName", "") if named is None else named)


def _volume(obj: Object, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    claim = spec.get("claimRef")
    phase = status.get("phase", "")
    return [
        obj["metadata"]["name"],
        (spec.get("capacity") or {}).get("storage", "0"),
        _modes(spec.get("accessModes")),
        spec.get("persistentVolumeReclaimPolicy", ""),
        "Terminating" if obj["metadata"].get("deletionTimestamp") else phase,
        f"{claim.get('namespace', '')}/{claim['name']}" if claim else "",
        _class(obj),
        spec.get("volumeAttributesClassName", UNSET),
        status.get("reason", ""),
        age(obj, now),
        spec.get("volumeMode", UNSET),
    ]


def _claim(obj: Object, now: float) -> list[Any]:
    spec, status = obj["spec"], obj.get("status", {})
    bound = bool(spec.get("volumeName"))
    phase = status.get("phase", "")
    return [
        obj["metadata"]["name"],
        "Terminating" if obj["metadata"].get("deletionTimestamp") else phase,
        spec.get("volumeName", ""),
        (status.get("capacity") or {}).get("storage", "0") if bound else "",
        _modes(status.get("accessModes")) if bound else "",
        _class(obj),
        spec.get("volumeAttributesClassName", UNSET),
        age(obj, now),
        spec.get("volumeMode", UNSET),
    ]


def _storage_class(obj: Object, now: float) -> list[Any]:
    name = obj["metadata"]["name"]
    annotations = obj["metadata"].get("annotations") or {}
    if any(annotations.get(mark) == "true" for mark in _DEFAULT_CLASS):
        name += " (default)"
    return [
        name,
        obj.get("provisioner", ""),
        obj.get("reclaimPolicy", "Delete"),
        obj.get("volumeBindingMode", "Immediate"),
        obj.get("allowVolumeExpansion", False),
        age(obj, now),
    ]


def _attributes_class(obj: Object, now: float) -> list[Any]:
    return [obj["metadata"]["name"], obj.get("driverName", ""), age(obj, now)]


def _attachment(obj: Object, now: float) -> list[Any]:
    spec = obj["spec"]
    return [
        obj["metadata"]["name"],
        spec.get("attacher", ""),
        (spec.get("source") or {}).get("persistentVolumeName", ""),
        spec.get("nodeName", ""),
        obj.get("status", {}).get("attached", False),
        age(obj, now),
    ]


def _driver(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec", {})
    audiences = [t.get("audience", "") for t in spec.get("tokenRequests") or []]
    return [
        obj["metadata"]["name"],
        spec.get("attachRequired", True),
        spec.get("podInfoOnMount", False),
        spec.get("storageCapacity", False),
        joined(audiences) or UNSET,
        spec.get("requiresRepublish", False),
        joined(spec.get("volumeLifecycleModes") or []) or NONE,
        age(obj, now),
    ]


def _driver_node(obj: Object, now: float) -> list[Any]:
    drivers = obj.get("spec", {}).get("drivers") or []
    return [obj["metadata"]["name"], len(drivers), age(obj, now)]


def _capacity(obj: Object, now: float) -> list[Any]:
    capacity = obj.get("capacity", UNSET)
    return [obj["metadata"]["name"], obj.get("storageClassName", ""), capacity]


_STORAGE = "storage.k8s.io"

PRINTERS = {
    ("", "PersistentVolume"): Printer(
        (
            NAME,
            Column("Capacity"),
            Column("Access Modes"),
            Column("Reclaim Policy"),
            Column("Status"),
            Column("Claim"),
            Column("StorageClass"),
            Column("VolumeAttributesClass"),
            Column("Reason"),
            AGE,
            wide("VolumeMode"),
        ),
        _volume,
    ),
    ("", "PersistentVolumeClaim"): Printer(
        (
            NAME,
            Column("Status"),
            Column("Volume"),
            Column("Capacity"),
            Column("Access Modes"),
            Column("StorageClass"),
            Column("VolumeAttributesClass"),
            AGE,
            wide("VolumeMode"),
        ),
        _claim,
    ),
    (_STORAGE, "StorageClass"): Printer(
        (
            NAME,
            Column("Provisioner"),
            Column("ReclaimPolicy"),
            Column("VolumeBindingMode"),
            Column("AllowVolumeExpansion"),
            AGE,
        ),
        _storage_class,
    ),
    (_STORAGE, "VolumeAttributesClass"): Printer(
        (NAME, Column("DriverName"), AGE), _attributes_class
    ),
    (_STORAGE, "VolumeAttachment"): Printer(
        (
            NAME,
            Column("Attacher", format="name"),
            Column("PV"),
            Column("Node"),
            Column("Attached", "boolean"),
            AGE,
        ),
        _attachment,
    ),
    (_STORAGE, "CSIDriver"): Printer(
        (
            NAME,
            Column("AttachRequired", "boolean"),
            Column("PodInfoOnMount", "boolean"),
            Column("StorageCapacity", "boolean"),
            Column("TokenRequests"),
            Column("RequiresRepublish", "boolean"),
            Column("Modes"),
            AGE,
        ),
        _driver,
    ),
    (_STORAGE, "CSINode"): Printer((NAME, number("Drivers"), AGE), _driver_node),
    (_STORAGE, "CSIStorageCapacity"): Printer(
        (NAME, Column("StorageClassName"), Column("Capacity")), _capacity
    ),
}
