"""What a pod or a PersistentVolume refers to by name, as far as its node needs it.

Each reference is (plural, name): of the pod's own namespace. Bodies of any shape are fine: what
is not where it belongs is no reference.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from grappe.api import Object

Reference = tuple[str, str]
_CONTAINERS = ("containers", "initContainers", "ephemeralContainers")
_SECRET_REFS = ("cephfs", "cinder", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos")
"""Volume sources whose `secretRef` is a Secret."""
_NODE_SECRETS = ("nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef")


def _dict(value: Any) -> Object:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> Iterator[Object]:
    for item in value if isinstance(value, list) else ():
        if isinstance(item, dict):
            yield item


def of_pod(pod: Object) -> Iterator[Reference]:
    """Everything a pod refers to; what is optional counts as well."""
    spec = _dict(pod.get("spec"))
    for found in _all(pod, spec):
        if isinstance(found[1], str) and found[1]:
            yield found


def _all(pod: Object, spec: Object) -> Iterator[tuple[str, Any]]:
    yield "serviceaccounts", spec.get("serviceAccountName")
    for secret in _dicts(spec.get("imagePullSecrets")):
        yield "secrets", secret.get("name")
    for field in _CONTAINERS:
        for container in _dicts(spec.get(field)):
            yield from _of_container(container)
    for volume in _dicts(spec.get("volumes")):
        yield from _of_volume(volume, _dict(pod.get("metadata")).get("name"))
    for claim in _dicts(spec.get("resourceClaims")):
        yield "resourceclaims", claim.get("resourceClaimName")
    for claim in _dicts(_dict(pod.get("status")).get("resourceClaimStatuses")):
        yield "resourceclaims", claim.get("resourceClaimName")


def _of_container(container: Object) -> Iterator[tuple[str, Any]]:
    for source in _dicts(container.get("envFrom")):
        yield "secrets", _dict(source.get("secretRef")).get("name")
        yield "configmaps", _dict(source.get("configMapRef")).get("name")
    for variable in _dicts(container.get("env")):
        source = _dict(variable.get("valueFrom"))
        yield "secrets", _dict(source.get("secretKeyRef")).get("name")
        yield "configmaps", _dict(source.get("configMapKeyRef")).get("name")


def _of_volume(volume: Object, pod_name: Any) -> Iterator[tuple[str, Any]]:
    yield "secrets", _dict(volume.get("secret")).get("secretName")
    yield "configmaps", _dict(volume.get("configMap")).get("name")
    yield (
        "persistentvolumeclaims",
        _dict(volume.get("persistentVolumeClaim")).get("claimName"),
    )
    if isinstance(volume.get("ephemeral"), dict):
        yield "persistentvolumeclaims", f"{pod_name}-{volume.get('name')}"
    for source in _dicts(_dict(volume.get("projected")).get("sources")):
        yield "secrets", _dict(source.get("secret")).get("name")
        yield "configmaps", _dict(source.get("configMap")).get("name")
    yield "secrets", _dict(volume.get("azureFile")).get("secretName")
    yield "secrets", _dict(_dict(volume.get("csi")).get("nodePublishSecretRef")).get("name")
    for kind in _SECRET_REFS:
        yield "secrets", _dict(_dict(volume.get(kind)).get("secretRef")).get("name")


def claim_of(volume: Object) -> tuple[str, str]:
    """The claim a PersistentVolume is bound to, as (namespace, name); empty when to none."""
    claim = _dict(_dict(volume.get("spec")).get("claimRef"))
    return str(claim.get("namespace") or ""), str(claim.get("name") or "")


def secrets_of(volume: Object) -> Iterator[tuple[str, str]]:
    """The Secrets a node needs to mount a PersistentVolume, as (namespace, name)."""
    spec = _dict(volume.get("spec"))
    home = claim_of(volume)[0]
    csi = _dict(spec.get("csi"))
    found = [_dict(csi.get(part)) for part in _NODE_SECRETS]
    found += [_dict(_dict(spec.get(kind)).get("secretRef")) for kind in _SECRET_REFS]
    azure = _dict(spec.get("azureFile"))
    found.append({"name": azure.get("secretName"), "namespace": azure.get("secretNamespace")})
    for secret in found:
        if secret.get("name"):
            yield str(secret.get("namespace") or home), str(secret["name"])
