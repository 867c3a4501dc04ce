"""DefaultStorageClass: a claim that names no class gets the default one."""

from __future__ import annotations

from grappe.apiserver.admission.default_class import default_class
from grappe.apiserver.admission.kinds import PERSISTENT_VOLUME_CLAIMS, STORAGE_CLASSES
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin
from grappe.apiserver.registry.interface import AdmissionRequest, Operation

_MARKS = (
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
)


class DefaultStorageClass(Plugin):
    """https://kubernetes.io/docs/concepts/storage/storage-classes/#default-storageclass"""

    def __init__(self, live: Live) -> None:
        self._live = live

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        return (
            operation == "CREATE" and bucket == PERSISTENT_VOLUME_CLAIMS.bucket and not subresource
        )

    def admit(self, request: AdmissionRequest) -> None:
        claim = request.obj or {}
        annotations = claim["metadata"].get("annotations") or {}
        if (
            "storageClassName" in claim["spec"]
            or "volume.beta.kubernetes.io/storage-class" in annotations
        ):
            return
        name = default_class(self._live.list(STORAGE_CLASSES), *_MARKS)
        if name is not None:
            claim["spec"]["storageClassName"] = name
