"""StorageObjectInUseProtection: claims, volumes and attributes classes in use outlive their
deletion.

The controller of the same task takes the finalizer away (`controllers/inuse.py`).
"""

from __future__ import annotations

from grappe.apiserver.admission.kinds import (
    PERSISTENT_VOLUME_CLAIMS,
    PERSISTENT_VOLUMES,
    VOLUME_ATTRIBUTES_CLASSES,
)
from grappe.apiserver.admission.plugin import Plugin
from grappe.apiserver.registry.interface import AdmissionRequest, Operation

_FINALIZERS = {
    PERSISTENT_VOLUME_CLAIMS.bucket: "kubernetes.io/pvc-protection",
    PERSISTENT_VOLUMES.bucket: "kubernetes.io/pv-protection",
    VOLUME_ATTRIBUTES_CLASSES.bucket: "kubernetes.io/vac-protection",
}


class StorageObjectInUseProtection(Plugin):
    """https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection"""

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        return operation == "CREATE" and bucket in _FINALIZERS and not subresource

    def admit(self, request: AdmissionRequest) -> None:
        metadata = (request.obj or {})["metadata"]
        finalizer = _FINALIZERS[request.served.bucket]
        present = metadata.get("finalizers") or []
        if finalizer not in present:
            metadata["finalizers"] = [*present, finalizer]
