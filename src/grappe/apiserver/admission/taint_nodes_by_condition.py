"""TaintNodesByCondition: a new node gets no pods until it is ready."""

from __future__ import annotations

from grappe.api.resources import NODES
from grappe.apiserver.admission.plugin import Plugin
from grappe.apiserver.registry.interface import AdmissionRequest, Operation

_NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


class TaintNodesByCondition(Plugin):
    """https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#taintnodesbycondition"""

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        return operation == "CREATE" and bucket == NODES.bucket and not subresource

    def admit(self, request: AdmissionRequest) -> None:
        obj = request.obj or {}
        spec = obj.setdefault("spec", {})
        taints = spec.get("taints") or []
        present = {(taint.get("key"), taint.get("effect")) for taint in taints}
        if (_NOT_READY["key"], _NOT_READY["effect"]) not in present:
            spec["taints"] = [*taints, dict(_NOT_READY)]
