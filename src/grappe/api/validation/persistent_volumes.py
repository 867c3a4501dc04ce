"""PersistentVolumes (https://kubernetes.io/docs/concepts/storage/persistent-volumes/)."""

from __future__ import annotations

import posixpath
from typing import Any

from grappe.api import Object, names
from grappe.api.causes import forbidden, invalid, not_supported, required
from grappe.api.validation.affinity import node_selector
from grappe.api.validation.claims import VOLUME_MODES, access_modes, positive_amount
from grappe.api.validation.paths import no_backsteps
from grappe.api.validation.rules import Causes, immutable, named
from grappe.api.validation.spec_diff import spec_diff
from grappe.api.validation.volume_sources import MORE_THAN_ONE, forbidden_path, source

SOURCES = (
    "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "flocker", "nfs",
    "rbd", "quobyte", "cephfs", "iscsi", "cinder", "fc", "flexVolume", "azureFile",
    "vsphereVolume", "photonPersistentDisk", "portworxVolume", "azureDisk", "scaleIO", "local",
    "storageos", "csi",
)  # fmt: skip
_POLICIES = ("Delete", "Recycle", "Retain")
_PORTAL = (
    "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if "
    "iscsi.initiatorName is specified."
)
_INLINE = "in the context of inline volumes"


def validate(obj: Object) -> Causes:
    yield from spec(obj.get("spec") or {}, "spec", name=obj["metadata"].get("name") or "")


def spec(found: Object, at: str, *, name: str = "", inline: bool = False) -> Causes:
    """`inline`: the spec stands in a VolumeAttachment, for a volume of a pod's own."""
    if inline:
        yield from _not_inline(found, at)
    modes = found.get("accessModes") or ()
    if not modes:
        yield required(f"{at}.accessModes")
    yield from access_modes(modes, f"{at}.accessModes")
    capacity, policy = found.get("capacity") or {}, found.get("persistentVolumeReclaimPolicy")
    if not inline:
        if not capacity:
            yield required(f"{at}.capacity")
        if "storage" not in capacity or len(capacity) > 1:
            yield not_supported(f"{at}.capacity", capacity, ("storage",))
        for resource, value in capacity.items():
            yield from positive_amount(value, f"{at}.capacity[{resource}]")
        if policy and policy not in _POLICIES:
            yield not_supported(f"{at}.persistentVolumeReclaimPolicy", policy, _POLICIES)
        if (affinity := found.get("nodeAffinity")) is not None:
            yield from _node_affinity(affinity, f"{at}.nodeAffinity")
    yield from _source(found, at, name)
    path = (found.get("hostPath") or {}).get("path") or ""
    if path and posixpath.normpath(path) in ("/", "//") and policy == "Recycle":
        detail = "may not be 'recycle' for a hostPath mount of '/'"
        yield forbidden(f"{at}.persistentVolumeReclaimPolicy", detail)
    if inline:
        return
    class_name = found.get("storageClassName")
    check = names.dns_subdomain_problems
    yield from named(class_name, f"{at}.storageClassName", check, optional=True)
    mode = found.get("volumeMode")
    if mode is not None and mode not in VOLUME_MODES:
        yield not_supported(f"{at}.volumeMode", mode, VOLUME_MODES)
    if (attributes := found.get("volumeAttributesClassName")) is not None:
        where = f"{at}.volumeAttributesClassName"
        if not attributes:
            yield required(where, "an empty string is disallowed")
        yield from named(attributes, where, check, optional=True)
        if "csi" not in found:
            detail = "has to be specified when using volumeAttributesClassName"
            yield required(f"{at}.csi", detail)


def _not_inline(found: Object, at: str) -> Causes:
    for field in ("claimRef", "capacity", "nodeAffinity", "storageClassName"):
        if found.get(field):
            yield forbidden(f"{at}.{field}", f"may not be specified {_INLINE}")
    if "csi" not in found:
        yield required(f"{at}.csi", f"has to be specified {_INLINE}")
    policy, mode = found.get("persistentVolumeReclaimPolicy"), found.get("volumeMode")
    if policy and policy != "Retain":
        where = f"{at}.persistentVolumeReclaimPolicy"
        yield forbidden(where, f"may only be Retain {_INLINE}")
    if mode is not None and mode != "Filesystem":
        detail = f"may not specify volumeMode other than Filesystem {_INLINE}"
        yield forbidden(f"{at}.volumeMode", detail)


def _source(found: Object, at: str, name: str) -> Causes:
    given = [kind for kind in SOURCES if kind in found]
    for n, kind in enumerate(given):
        if n:
            yield forbidden(f"{at}.{forbidden_path(kind)}", MORE_THAN_ONE)
        elif kind == "local":
            yield from _local(found, at)
        else:
            yield from source(kind, found[kind], at, persistent=True)
    if not given:
        yield required(at, "must specify a volume type")
    iscsi = found.get("iscsi") or {}
    portal = iscsi.get("targetPortal") or ""
    if "initiatorName" in iscsi and len(f"{name}:{portal}") > 64:
        yield invalid(f"{at}.iscsi.targetportal", portal, _PORTAL)


def _local(found: Object, at: str) -> Causes:
    path = found["local"].get("path")
    if not path:
        yield required(f"{at}.local.path")
    else:
        yield from no_backsteps(path, f"{at}.local.path")
    if found.get("nodeAffinity") is None:
        yield required(f"{at}.nodeAffinity", "Local volume requires node affinity")


def _node_affinity(affinity: Object, at: str) -> Causes:
    if affinity.get("required") is None:
        yield required(f"{at}.required", "must specify required node constraints")
    else:
        yield from node_selector(affinity["required"], f"{at}.required")


def update(new: Object, old: Object) -> Causes:
    """Where the data is stays; a secret to expand it may be added."""
    yield from validate(new)
    spec_, before = new.get("spec") or {}, old.get("spec") or {}
    now, was = ({k: s[k] for k in SOURCES if k in s} for s in (spec_, before))
    secret = "controllerExpandSecretRef"
    if "csi" in now and "csi" in was and secret not in was["csi"]:
        now["csi"] = {k: v for k, v in now["csi"].items() if k != secret}
    if now != was:
        detail = f"spec.persistentvolumesource is immutable after creation\n{spec_diff(was, now)}"
        yield forbidden("spec.persistentvolumesource", detail)
    yield from immutable(spec_.get("volumeMode"), before.get("volumeMode"), "volumeMode")
    if before.get("nodeAffinity") is not None:
        affinity = spec_.get("nodeAffinity")
        if not _same_nodes(affinity, before["nodeAffinity"]):
            yield invalid("nodeAffinity", affinity, _NODES_STAY)
    attributes = "volumeAttributesClassName"
    if before.get(attributes) is not None and spec_.get(attributes) is None:
        yield forbidden(f"spec.{attributes}", "update from non-nil value to nil is forbidden")


_NODES_STAY = "field is immutable, except for updating from beta label to GA"
_SUCCESSORS = {
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
}


def _same_nodes(new: Any, old: Any) -> bool:
    """Whether two affinities are the same but for labels in `new` that succeeded those in `old`."""
    if isinstance(new, list) and isinstance(old, list):
        return len(new) == len(old) and all(map(_same_nodes, new, old))
    if not isinstance(new, dict) or not isinstance(old, dict):
        return bool(new == old)
    if new.keys() != old.keys():
        return False
    renamed = "operator" in old and _SUCCESSORS.get(old.get("key") or "") == new.get("key")
    return all((k == "key" and renamed) or _same_nodes(new[k], old[k]) for k in old)
