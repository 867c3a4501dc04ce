"""Volumes of a pod."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from grappe.api import Object, names, quantity
from grappe.api.causes import duplicate, forbidden, invalid, not_supported, required
from grappe.api.validation import claims
from grappe.api.validation.environment import VOLUME_FIELDS, field_reference, resource_reference
from grappe.api.validation.paths import local_path
from grappe.api.validation.rules import Causes, label_selector
from grappe.api.validation.volume_sources import MORE_THAN_ONE, forbidden_path, source

_MODE = "must be a number between 0 and 0777 (octal), both inclusive"
_PORTAL = (
    "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if "
    "iscsi.initiatorName is specified."
)
# Kubernetes looks at the sources in this order; all but the first are refused.
_ORDER = (
    "emptyDir", "hostPath", "gitRepo", "gcePersistentDisk", "awsElasticBlockStore", "secret",
    "nfs", "iscsi", "glusterfs", "flocker", "persistentVolumeClaim", "rbd", "cinder", "cephfs",
    "quobyte", "downwardAPI", "fc", "flexVolume", "configMap", "azureFile", "vsphereVolume",
    "photonPersistentDisk", "portworxVolume", "azureDisk", "storageos", "projected", "scaleIO",
    "csi", "ephemeral", "image",
)  # fmt: skip


def validate_all(
    volumes: Iterable[Object], at: str, pod_name: str, valid: dict[str, Object]
) -> Causes:
    """Fills `valid` with the volumes that are, by name: only those can be mounted. `pod_name` is
    empty for a template, whose claims will have names nobody knows yet."""
    made = {f"{pod_name}-{v.get('name')}" for v in volumes if pod_name and "ephemeral" in v}
    for i, volume in enumerate(volumes):
        where = f"{at}[{i}]"
        name = volume.get("name") or ""
        refused = list(_source(volume, where, pod_name))
        if not name:
            refused.append(required(f"{where}.name"))
        else:
            for problem in names.dns_label_problems(name):
                refused.append(invalid(f"{where}.name", name, problem))
        if name in valid:
            refused.append(duplicate(f"{where}.name", name))
        if not refused:
            valid[name] = volume
        yield from refused
        claim = (volume.get("persistentVolumeClaim") or {}).get("claimName")
        if claim and claim in made:
            detail = "must not reference a PVC that gets created for an ephemeral volume"
            yield invalid(f"{where}.persistentVolumeClaim.claimName", claim, detail)


def _source(volume: Object, at: str, pod_name: str) -> Causes:
    if len(volume) == 2 and "name" in volume:
        given = [kind for kind in volume if kind != "name"]
    else:
        given = [kind for kind in _ORDER if kind in volume]
    for n, kind in enumerate(given):
        if n:
            yield forbidden(f"{at}.{forbidden_path(kind)}", MORE_THAN_ONE)
        elif check := _CHECKS.get(kind):
            yield from check(volume[kind], f"{at}.{kind}")
        else:
            yield from source(kind, volume[kind], at, persistent=False)
    if not given:
        yield required(at, "must specify a volume type")
        return
    name = volume.get("name") or ""
    iscsi = volume.get("iscsi") or {}
    if "initiatorName" in iscsi and len(f"{name}:{iscsi.get('targetPortal') or ''}") > 64:
        yield invalid(f"{at}.name", name, _PORTAL)
    if given[0] == "ephemeral" and pod_name and name:
        claim = f"{pod_name}-{name}"
        for problem in names.dns_subdomain_problems(claim):
            yield invalid(f"{at}.name", name, f'PVC name "{claim}": {problem}')


def _empty_dir(found: Object, at: str) -> Causes:
    limit = found.get("sizeLimit")
    if limit is not None and quantity.parse(limit) < 0:
        detail = "SizeLimit field must be a valid resource quantity"
        yield forbidden(f"{at}.sizeLimit", detail)


def _config_map(found: Object, at: str) -> Causes:
    if not found.get("name"):
        yield required(f"{at}.name")
    yield from _files(found, at)


def _secret(found: Object, at: str) -> Causes:
    if not found.get("secretName"):
        yield required(f"{at}.secretName")
    yield from _files(found, at)


def _claim(found: Object, at: str) -> Causes:
    if not found.get("claimName"):
        yield required(f"{at}.claimName")


def _ephemeral(found: Object, at: str) -> Causes:
    template = found.get("volumeClaimTemplate")
    if template is None:
        yield required(f"{at}.volumeClaimTemplate")
    else:
        yield from claims.template(template, f"{at}.volumeClaimTemplate")


def _image(found: Object, at: str) -> Causes:
    if not found.get("reference"):
        yield required(f"{at}.reference")
    policy = found.get("pullPolicy")
    if policy and policy not in ("Always", "IfNotPresent", "Never"):
        yield not_supported(f"{at}.pullPolicy", policy, ("Always", "IfNotPresent", "Never"))


def _files(found: Object, at: str) -> Causes:
    yield from _mode(found.get("defaultMode"), f"{at}.defaultMode")
    for i, item in enumerate(found.get("items") or ()):
        yield from _item(item, f"{at}.items[{i}]")


def _item(item: Object, at: str) -> Causes:
    if not item.get("key"):
        yield required(f"{at}.key")
    yield from _file_path(item.get("path") or "", f"{at}.path")
    yield from _mode(item.get("mode"), f"{at}.mode")


def _file_path(path: str, at: str) -> Causes:
    if not path:
        yield required(at)
    yield from local_path(path, at)


def _mode(mode: int | None, at: str) -> Causes:
    if mode is not None and not 0 <= mode <= 0o777:
        yield invalid(at, mode, _MODE)


def _downward(found: Object, at: str) -> Causes:
    yield from _mode(found.get("defaultMode"), f"{at}.defaultMode")
    for item in found.get("items") or ():
        yield from _downward_file(item, at)


def _downward_file(item: Object, at: str) -> Causes:
    """A file of a pod's own fields; problems are told of the source, not of the item."""
    yield from _file_path(item.get("path") or "", f"{at}.path")
    field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if field is not None:
        yield from field_reference(field, f"{at}.fieldRef", VOLUME_FIELDS)
        if resource is not None:
            detail = "fieldRef and resourceFieldRef can not be specified simultaneously"
            yield invalid(at, "resource", detail)
    elif resource is not None:
        yield from resource_reference(resource, f"{at}.resourceFieldRef", volume=True)
    else:
        yield required(at, "one of fieldRef and resourceFieldRef is required")
    yield from _mode(item.get("mode"), f"{at}.mode")


def _projected(found: Object, at: str) -> Causes:
    yield from _mode(found.get("defaultMode"), f"{at}.defaultMode")
    paths: set[str] = set()
    for i, part in enumerate(found.get("sources") or ()):
        where = f"{at}.sources[{i}]"
        given = [kind for kind in _PROJECTIONS if kind in part]
        for kind in given:
            yield from _PROJECTIONS[kind](part[kind], f"{where}.{kind}", at)
            yield from _paths_apart(kind, part[kind], at, paths)
        if len(given) > 1:
            yield forbidden(where, "may not specify more than 1 volume type per source")


def _paths_apart(kind: str, part: Object, at: str, paths: set[str]) -> Causes:
    """All files of a projected volume have paths of their own."""
    if kind in ("serviceAccountToken", "podCertificate"):
        return
    files = [part] if kind == "clusterTrustBundle" else part.get("items") or ()
    for item in files:
        path = item.get("path") or ""
        if path in paths:
            told = part.get("name") if kind in ("secret", "configMap") else path
            yield invalid(at, told or "", "conflicting duplicate paths")
        elif path:
            paths.add(path)


def _projected_keys(part: Object, at: str, whole: str) -> Causes:
    if not part.get("name"):
        yield required(f"{at}.name")
    for i, item in enumerate(part.get("items") or ()):
        yield from _item(item, f"{at}.items[{i}]")


def _projected_fields(part: Object, at: str, whole: str) -> Causes:
    for item in part.get("items") or ():
        yield from _downward_file(item, at)


def _token(part: Object, at: str, whole: str) -> Causes:
    seconds = part.get("expirationSeconds", 3600)
    if seconds < 600:
        detail = "may not specify a duration less than 10 minutes"
        yield invalid(f"{at}.expirationSeconds", seconds, detail)
    if seconds > 1 << 32:
        detail = "may not specify a duration larger than 2^32 seconds"
        yield invalid(f"{at}.expirationSeconds", seconds, detail)
    yield from _file_path(part.get("path") or "", f"{whole}.path")


def _trust_bundle(part: Object, at: str, whole: str) -> Causes:
    name, signer = part.get("name"), part.get("signerName")
    if name is not None and signer is not None:
        yield invalid(at, part, "only one of name and signerName may be used")
    elif name is not None:
        if not name:
            yield required(f"{at}.name", "must be a valid object name")
        for problem in names.dns_subdomain_problems(name.rpartition(":")[2]):
            detail = f"not a valid clustertrustbundlename: {problem}"
            yield invalid(f"{at}.name", name, detail)
        if part.get("labelSelector") is not None:
            detail = "labelSelector must be unset if name is specified"
            yield invalid(f"{at}.labelSelector", part["labelSelector"], detail)
    elif signer is not None:
        if not signer:
            yield required(f"{at}.signerName", "must be a valid signer name")
        yield from label_selector(part.get("labelSelector"), f"{at}.labelSelector")
    else:
        yield required(at, "either name or signerName must be specified")
    yield from _file_path(part.get("path") or "", f"{at}.path")


def _certificate(part: Object, at: str, whole: str) -> Causes:
    if not part.get("signerName"):
        yield required(f"{at}.signerName")
    for field in ("credentialBundlePath", "keyPath", "certificateChainPath"):
        if path := part.get(field):
            yield from local_path(path, f"{at}.{field}")


_PROJECTIONS: dict[str, Callable[[Object, str, str], Causes]] = {
    "secret": _projected_keys,
    "configMap": _projected_keys,
    "downwardAPI": _projected_fields,
    "serviceAccountToken": _token,
    "clusterTrustBundle": _trust_bundle,
    "podCertificate": _certificate,
}
_CHECKS: dict[str, Callable[[Object, str], Causes]] = {
    "emptyDir": _empty_dir,
    "configMap": _config_map,
    "secret": _secret,
    "persistentVolumeClaim": _claim,
    "downwardAPI": _downward,
    "projected": _projected,
    "ephemeral": _ephemeral,
    "image": _image,
}
