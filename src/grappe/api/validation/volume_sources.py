"""Volume sources that pods and PersistentVolumes share: what each must say.

https://kubernetes.io/docs/concepts/storage/volumes/. Of a persistent volume's source the secrets
say in which namespace they are; `persistent` tells the two apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from grappe.api import Object, names
from grappe.api.causes import invalid, not_supported, required, too_long
from grappe.api.validation.paths import descending_path, no_backsteps
from grappe.api.validation.rules import Causes, between, named, well_formed

MORE_THAN_ONE = "may not specify more than 1 volume type"
_HOST_PATH_TYPES = (
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate",
    "Socket",
)  # fmt: skip
_PARTITION = names.range_problem(1, 255)
_HOSTS = "must be a host:port pair or multiple pairs separated by commas"
_QUALIFIED_INITIATORS = {
    "iqn": re.compile(r"iqn\.\d{4}-\d{2}\.([a-z0-9.-]{1,249})(:[^,;*&$|\s]+)?"),
    "eui": re.compile(r"eui\.[0-9a-zA-Z]{16}"),
    "naa": re.compile(r"naa\.[0-9a-zA-Z]{32}"),
}
_MANAGED = ("/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}",)  # fmt: skip # noqa: E501
_BLOB = ("https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd",)

# What must not be empty, for those sources that need no more than that.
_NEEDED: dict[str, tuple[str, ...]] = {
    "rbd": ("monitors", "image"),
    "cephfs": ("monitors",),
    "vsphereVolume": ("volumePath",),
    "photonPersistentDisk": ("pdID",),
    "portworxVolume": ("volumeID",),
    "scaleIO": ("gateway", "system", "volumeName"),
}
# Where Kubernetes' own paths are not those of the fields.
_SHOWN_AS = {"gcePersistentDisk": "persistentDisk"}
_FORBIDDEN_AS = {"cephfs": "cephFS", "downwardAPI": "downwarAPI"}


def forbidden_path(kind: str) -> str:
    """The name under which a second source is refused."""
    return _FORBIDDEN_AS.get(kind, kind)


def source(kind: str, found: Object, at: str, *, persistent: bool) -> Causes:
    """One source of a volume; `at` is the path of the volume."""
    where = f"{at}.{_SHOWN_AS.get(kind, kind)}"
    for field in _NEEDED.get(kind, ()):
        if not found.get(field):
            yield required(f"{where}.{field}")
    if check := _CHECKS.get(kind):
        yield from check(found, where, persistent)


def host_path(found: Object, at: str, persistent: bool = False) -> Causes:
    path = found.get("path")
    if not path:
        yield required(f"{at}.path")
        return
    yield from no_backsteps(path, f"{at}.path")
    kind = found.get("type")
    if kind and kind not in _HOST_PATH_TYPES:
        yield not_supported(f"{at}.type", kind, _HOST_PATH_TYPES)


def _nfs(found: Object, at: str, persistent: bool) -> Causes:
    path = found.get("path") or ""
    for field in ("server", "path"):
        if not found.get(field):
            yield required(f"{at}.{field}")
    if not path.startswith("/"):
        yield invalid(f"{at}.path", path, "must be an absolute path")


def _git(found: Object, at: str, persistent: bool) -> Causes:
    if not found.get("repository"):
        yield required(f"{at}.repository")
    yield from descending_path(found.get("directory") or "", f"{at}.directory")


def _disk(field: str) -> Callable[[Object, str, bool], Causes]:
    def check(found: Object, at: str, persistent: bool) -> Causes:
        if not found.get(field):
            yield required(f"{at}.{field}")
        partition = found.get("partition", 0)
        if not 0 <= partition <= 255:
            yield invalid(f"{at}.partition", partition, _PARTITION)

    return check


def _iscsi(found: Object, at: str, persistent: bool) -> Causes:
    if not found.get("targetPortal"):
        yield required(f"{at}.targetPortal")
    if not found.get("iqn"):
        yield required(f"{at}.iqn")
    else:
        yield from _initiator(found["iqn"], f"{at}.iqn", persistent)
    yield from between(found.get("lun", 0), f"{at}.lun", 0, 255)
    secret = found.get("secretRef")
    if (found.get("chapAuthDiscovery") or found.get("chapAuthSession")) and secret is None:
        yield required(f"{at}.secretRef")
    if persistent and secret is not None and not secret.get("name"):
        yield required(f"{at}.secretRef.name")
    if (initiator := found.get("initiatorName")) is not None:
        yield from _initiator(initiator, f"{at}.initiatorname", persistent)


def _initiator(name: str, at: str, persistent: bool) -> Causes:
    form = _QUALIFIED_INITIATORS.get(name[:3])
    if form is None:
        known = "" if persistent else " starting with iqn, eui, or naa"
        yield invalid(at, name, f"must be valid format{known}")
    elif not form.fullmatch(name):
        yield invalid(at, name, "must be valid format")


def _fibre_channel(found: Object, at: str, persistent: bool) -> Causes:
    targets, worldwide = found.get("targetWWNs") or [], found.get("wwids") or []
    if not targets and not worldwide:
        detail = "must specify either targetWWNs or wwids, but not both"
        yield required(f"{at}.targetWWNs", detail)
    if targets and worldwide:
        detail = "targetWWNs and wwids can not be specified simultaneously"
        yield invalid(f"{at}.targetWWNs", targets, detail)
    if targets:
        if found.get("lun") is None:
            yield required(f"{at}.lun", "lun is required if targetWWNs is specified")
        else:
            yield from between(found["lun"], f"{at}.lun", 0, 255)


def _quobyte(found: Object, at: str, persistent: bool) -> Causes:
    registry = found.get("registry") or ""
    if not registry:
        yield required(f"{at}.registry", _HOSTS)
    elif len(found.get("tenant") or "") >= 65:
        detail = "must be a UUID and may not exceed a length of 64 characters"
        yield required(f"{at}.tenant", detail)
    else:
        for pair in registry.split(","):
            if ":" not in pair:
                yield invalid(f"{at}.registry", registry, _HOSTS)
    if not found.get("volume"):
        yield required(f"{at}.volume")


def _glusterfs(found: Object, at: str, persistent: bool) -> Causes:
    for field in ("endpoints", "path"):
        if not found.get(field):
            yield required(f"{at}.{field}")
    namespace = found.get("endpointsNamespace")
    if persistent and namespace is not None:
        if not namespace:
            detail = "if the endpointnamespace is set, it must be a valid namespace name"
            yield invalid(f"{at}.endpointsNamespace", namespace, detail)
        else:
            where = f"{at}.endpointsNamespace"
            yield from well_formed(namespace, where, names.dns_label_problems)


def _flocker(found: Object, at: str, persistent: bool) -> Causes:
    name, uuid = found.get("datasetName") or "", found.get("datasetUUID") or ""
    if not name and not uuid:
        yield required(at, "one of datasetName and datasetUUID is required")
    if name and uuid:
        detail = "datasetName and datasetUUID can not be specified simultaneously"
        yield invalid(at, "resource", detail)
    if "/" in name:
        yield invalid(f"{at}.datasetName", name, "must not contain '/'")


def _secret(found: Object, at: str, *, namespaced: bool) -> Causes:
    secret = found.get("secretRef")
    if secret is not None:
        for field in ("name", "namespace") if namespaced else ("name",):
            if not secret.get(field):
                yield required(f"{at}.secretRef.{field}")


def _cinder(found: Object, at: str, persistent: bool) -> Causes:
    if not found.get("volumeID"):
        yield required(f"{at}.volumeID")
    yield from _secret(found, at, namespaced=persistent)


def _storage_os(found: Object, at: str, persistent: bool) -> Causes:
    yield from named(found.get("volumeName"), f"{at}.volumeName", names.dns_label_problems)
    namespace = found.get("volumeNamespace")
    yield from named(namespace, f"{at}.volumeNamespace", names.dns_label_problems, optional=True)
    yield from _secret(found, at, namespaced=persistent)


def _flex(found: Object, at: str, persistent: bool) -> Causes:
    if not found.get("driver"):
        yield required(f"{at}.driver")
    for key in found.get("options") or ():
        namespace = f".{key.partition('/')[0].lower()}"
        if namespace.endswith((".kubernetes.io", ".k8s.io")):
            detail = "kubernetes.io and k8s.io namespaces are reserved"
            yield invalid(f"{at}.options[{key}]", key, detail)


def _azure_file(found: Object, at: str, persistent: bool) -> Causes:
    for field in ("secretName", "shareName"):
        if not found.get(field):
            yield required(f"{at}.{field}")
    if persistent and found.get("secretNamespace") == "":
        yield required(f"{at}.secretNamespace")


def _azure_disk(found: Object, at: str, persistent: bool) -> Causes:
    for field in ("diskName", "diskURI"):
        if not found.get(field):
            yield required(f"{at}.{field}")
    for field, choice in (
        ("cachingMode", ("None", "ReadOnly", "ReadWrite")),
        ("kind", ("Dedicated", "Managed", "Shared")),
    ):
        if field in found and found[field] not in choice:
            yield not_supported(f"{at}.{field}", found[field], choice)
    kind, uri = found.get("kind"), found.get("diskURI") or ""
    if kind == "Managed" and not uri.startswith("/subscriptions/"):
        yield not_supported(f"{at}.diskURI", uri, _MANAGED)
    elif kind not in (None, "Managed") and not uri.startswith("https://"):
        yield not_supported(f"{at}.diskURI", uri, _BLOB)


def csi_driver_name(name: str, at: str) -> Causes:
    if not name:
        yield required(at)
    if len(name) > names.LABEL_MAX:
        yield too_long(at, names.LABEL_MAX)
    for problem in names.dns_subdomain_problems(name.lower()):
        yield invalid(at, name, problem)


def _csi(found: Object, at: str, persistent: bool) -> Causes:
    yield from csi_driver_name(found.get("driver") or "", f"{at}.driver")
    if not persistent:
        if (secret := found.get("nodePublishSecretRef")) is not None:
            where = f"{at}.nodePublishSecretRef.name"
            yield from named(secret.get("name"), where, names.dns_subdomain_problems)
        return
    if not found.get("volumeHandle"):
        yield required(f"{at}.volumeHandle")
    for field in (
        "controllerPublishSecretRef",
        "controllerExpandSecretRef",
        "nodePublishSecretRef",
        "nodeExpandSecretRef",
    ):
        if (secret := found.get(field)) is not None:
            yield from named(secret.get("name"), f"{at}.{field}.name", names.dns_subdomain_problems)
            yield from named(
                secret.get("namespace"), f"{at}.{field}.namespace", names.dns_label_problems
            )


_CHECKS: dict[str, Callable[[Object, str, bool], Causes]] = {
    "hostPath": host_path,
    "gitRepo": _git,
    "gcePersistentDisk": _disk("pdName"),
    "awsElasticBlockStore": _disk("volumeID"),
    "nfs": _nfs,
    "iscsi": _iscsi,
    "glusterfs": _glusterfs,
    "flocker": _flocker,
    "cinder": _cinder,
    "quobyte": _quobyte,
    "fc": _fibre_channel,
    "flexVolume": _flex,
    "azureFile": _azure_file,
    "azureDisk": _azure_disk,
    "storageos": _storage_os,
    "csi": _csi,
}
