"""PersistentVolumeClaimResize: only claims whose class allows it grow."""

from __future__ import annotations

from decimal import Decimal

from grappe.api import Object
from grappe.apiserver.admission.kinds import PERSISTENT_VOLUME_CLAIMS, STORAGE_CLASSES
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin, refuse
from grappe.apiserver.admission.pod_amounts import amounts
from grappe.apiserver.registry.interface import AdmissionRequest, Operation

_CLASS = "volume.beta.kubernetes.io/storage-class"


class PersistentVolumeClaimResize(Plugin):
    """https://kubernetes.io/docs/concepts/storage/persistent-volumes/#expanding-persistent-volumes-claims"""

    def __init__(self, live: Live) -> None:
        self._live = live

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        return (
            operation == "UPDATE" and bucket == PERSISTENT_VOLUME_CLAIMS.bucket and not subresource
        )

    def validate(self, request: AdmissionRequest) -> None:
        new, old = request.obj or {}, request.old or {}
        if _size(new) <= _size(old):
            return
        if (old.get("status") or {}).get("phase") != "Bound":
            raise refuse(request, "Only bound persistent volume claims can be expanded")
        name = _class_of(new)
        found = self._live.get(STORAGE_CLASSES, "", name) if name else None
        if not (found or {}).get("allowVolumeExpansion"):
            raise refuse(
                request,
                "only dynamically provisioned pvc can be resized and the storageclass that "
                "provisions the pvc must support resize",
            )


def _size(claim: Object) -> Decimal:
    resources = (claim.get("spec") or {}).get("resources") or {}
    return amounts(resources.get("requests")).get("storage", Decimal(0))


def _class_of(claim: Object) -> str:
    annotations = claim["metadata"].get("annotations") or {}
    return annotations.get(_CLASS) or (claim.get("spec") or {}).get("storageClassName") or ""
