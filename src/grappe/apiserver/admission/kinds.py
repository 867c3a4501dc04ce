"""The built-in resources plugins speak of and `api.resources` gives no name."""

from __future__ import annotations

from grappe.api.resources import Resource, builtin_kind


def _named(api_version: str, kind: str) -> Resource:
    found = builtin_kind(api_version, kind)
    assert found is not None, kind
    return found


CSI_NODES = _named("storage.k8s.io/v1", "CSINode")
INGRESSES = _named("networking.k8s.io/v1", "Ingress")
INGRESS_CLASSES = _named("networking.k8s.io/v1", "IngressClass")
LIMIT_RANGES = _named("v1", "LimitRange")
PERSISTENT_VOLUME_CLAIMS = _named("v1", "PersistentVolumeClaim")
PERSISTENT_VOLUMES = _named("v1", "PersistentVolume")
PRIORITY_CLASSES = _named("scheduling.k8s.io/v1", "PriorityClass")
RESOURCE_QUOTAS = _named("v1", "ResourceQuota")
RESOURCE_SLICES = _named("resource.k8s.io/v1", "ResourceSlice")
RUNTIME_CLASSES = _named("node.k8s.io/v1", "RuntimeClass")
STORAGE_CLASSES = _named("storage.k8s.io/v1", "StorageClass")
VOLUME_ATTRIBUTES_CLASSES = _named("storage.k8s.io/v1", "VolumeAttributesClass")
