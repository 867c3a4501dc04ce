"""DefaultIngressClass: an Ingress that names no class gets the default one."""

from __future__ import annotations

from grappe.apiserver.admission.default_class import default_class
from grappe.apiserver.admission.kinds import INGRESS_CLASSES, INGRESSES
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin
from grappe.apiserver.registry.interface import AdmissionRequest, Operation

_MARK = "ingressclass.kubernetes.io/is-default-class"


class DefaultIngressClass(Plugin):
    """https://kubernetes.io/docs/concepts/services-networking/ingress/#default-ingress-class"""

    def __init__(self, live: Live) -> None:
        self._live = live

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        return operation == "CREATE" and bucket == INGRESSES.bucket and not subresource

    def admit(self, request: AdmissionRequest) -> None:
        ingress = request.obj or {}
        spec = ingress.setdefault("spec", {})
        annotations = ingress["metadata"].get("annotations") or {}
        if spec.get("ingressClassName") is not None or "kubernetes.io/ingress.class" in annotations:
            return
        name = default_class(self._live.list(INGRESS_CLASSES), _MARK)
        if name is not None:
            spec["ingressClassName"] = name
