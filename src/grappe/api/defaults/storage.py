"""Defaults of persistent volumes, claims, storage classes and CSI drivers."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.defaults import volumes
from grappe.api.defaults.fields import fill, fill_empty, part

_SOURCES = {
    "hostPath": volumes.default_host_path,
    "iscsi": volumes.default_iscsi,
    "rbd": volumes.default_rbd,
    "azureDisk": volumes.default_azure_disk,
    "scaleIO": volumes.default_scale_io,
}


def default_claim_spec(obj: Object) -> None:
    """Of a claim, or of the template of one."""
    fill(part(obj, "spec"), {"volumeMode": "Filesystem", "resources": {}})


def _claim(obj: Object) -> None:
    default_claim_spec(obj)
    fill_empty(part(obj, "status"), "phase", "Pending")


def _volume(obj: Object) -> None:
    spec = part(obj, "spec")
    fill_empty(spec, "persistentVolumeReclaimPolicy", "Retain")
    fill(spec, {"volumeMode": "Filesystem"})
    for source, settle in _SOURCES.items():
        if isinstance(spec.get(source), dict):
            settle(spec[source])
    fill_empty(part(obj, "status"), "phase", "Pending")


def _storage_class(obj: Object) -> None:
    fill(obj, {"reclaimPolicy": "Delete", "volumeBindingMode": "Immediate"})


def _csi_driver(obj: Object) -> None:
    spec = part(obj, "spec")
    fill(
        spec,
        {
            "attachRequired": True,
            "podInfoOnMount": False,
            "storageCapacity": False,
            "fsGroupPolicy": "ReadWriteOnceWithFSType",
            "requiresRepublish": False,
            "seLinuxMount": False,
        },
    )
    if not spec.get("volumeLifecycleModes"):
        spec["volumeLifecycleModes"] = ["Persistent"]


CORE_DEFAULTS = {"PersistentVolume": _volume, "PersistentVolumeClaim": _claim}
DEFAULTS = {"CSIDriver": _csi_driver, "StorageClass": _storage_class}
