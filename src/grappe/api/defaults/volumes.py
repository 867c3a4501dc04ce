"""Defaults of a pod's volumes."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.defaults.fields import fill, fill_empty, objects
from grappe.api.defaults.images import pull_policy

_MODE = {"defaultMode": 0o644}


def default_volume(volume: Object) -> None:
    """A volume that says nothing else is an emptyDir."""
    if len(volume) <= 1 and "name" in volume:
        volume["emptyDir"] = {}
        return
    for source, value in volume.items():
        settle = _SOURCES.get(source)
        if settle is not None and isinstance(value, dict):
            settle(value)


def field_references(items: Object) -> None:
    """`items[].fieldRef.apiVersion` of a downward API source."""
    for item in objects(items, "items"):
        if "fieldRef" in item:
            fill_empty(item["fieldRef"], "apiVersion", "v1")


def _with_mode(source: Object) -> None:
    fill(source, _MODE)


def _downward_api(source: Object) -> None:
    fill(source, _MODE)
    field_references(source)


def _projected(source: Object) -> None:
    fill(source, _MODE)
    for projection in objects(source, "sources"):
        if "serviceAccountToken" in projection:
            fill(projection["serviceAccountToken"], {"expirationSeconds": 3600})
        if "downwardAPI" in projection:
            field_references(projection["downwardAPI"])


def default_host_path(source: Object) -> None:
    fill(source, {"type": ""})


def _ephemeral(source: Object) -> None:
    spec = (source.get("volumeClaimTemplate") or {}).get("spec")
    if spec is not None:
        fill(spec, {"volumeMode": "Filesystem"})


def default_iscsi(source: Object) -> None:
    fill_empty(source, "iscsiInterface", "default")


def default_rbd(source: Object) -> None:
    fill_empty(source, "pool", "rbd")
    fill_empty(source, "user", "admin")
    fill_empty(source, "keyring", "/etc/ceph/keyring")


def default_azure_disk(source: Object) -> None:
    fill(
        source,
        {"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": False},
    )


def default_scale_io(source: Object) -> None:
    fill_empty(source, "storageMode", "ThinProvisioned")
    fill_empty(source, "fsType", "xfs")


def _image(source: Object) -> None:
    fill_empty(source, "pullPolicy", pull_policy(source.get("reference") or ""))


_SOURCES = {
    "image": _image,
    "configMap": _with_mode,
    "secret": _with_mode,
    "downwardAPI": _downward_api,
    "projected": _projected,
    "hostPath": default_host_path,
    "ephemeral": _ephemeral,
    "iscsi": default_iscsi,
    "rbd": default_rbd,
    "azureDisk": default_azure_disk,
    "scaleIO": default_scale_io,
}
