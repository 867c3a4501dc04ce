"""NamespaceLifecycle: nothing new without a namespace, or in one that is going."""

from __future__ import annotations

from grappe.api.errors import not_found
from grappe.api.resources import NAMESPACES
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin, refuse
from grappe.apiserver.registry.interface import AdmissionRequest, Operation

PROTECTED = frozenset(("default", "kube-system", "kube-public"))


class NamespaceLifecycle(Plugin):
    """https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#namespacelifecycle"""

    def __init__(self, live: Live) -> None:
        self._live = live

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        if bucket == NAMESPACES.bucket:
            return operation == "DELETE"
        return operation in ("CREATE", "UPDATE")

    def admit(self, request: AdmissionRequest) -> None:
        if request.served.bucket == NAMESPACES.bucket:
            if request.name in PROTECTED:
                raise refuse(request, "this namespace may not be deleted")
            return
        name = request.namespace
        if not name or not request.served.resource.namespaced:
            return
        namespace = self._live.get(NAMESPACES, "", name)
        if namespace is None:
            raise not_found("namespaces", name)
        going = (namespace.get("status") or {}).get("phase") == "Terminating"
        if request.operation == "CREATE" and going:
            raise refuse(
                request,
                f"unable to create new content in namespace {name} because it is being terminated",
                [
                    {
                        "reason": "NamespaceTerminating",
                        "message": f"namespace {name} is being terminated",
                        "field": "metadata.namespace",
                    }
                ],
            )
