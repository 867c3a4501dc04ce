"""DefaultTolerationSeconds: pods stay five minutes on a node that is not ready or unreachable."""

from __future__ import annotations

from grappe.api.resources import PODS
from grappe.apiserver.admission.plugin import Plugin
from grappe.apiserver.registry.interface import AdmissionRequest, Operation

_TAINTS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
_SECONDS = 300


class DefaultTolerationSeconds(Plugin):
    """https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/#taint-based-evictions"""

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        return bucket == PODS.bucket and operation in ("CREATE", "UPDATE") and not subresource

    def admit(self, request: AdmissionRequest) -> None:
        spec = (request.obj or {})["spec"]
        tolerations = spec.get("tolerations") or []
        missing = [
            taint
            for taint in _TAINTS
            if not any(
                toleration.get("key", "") in (taint, "")
                and toleration.get("effect", "") in ("NoExecute", "")
                for toleration in tolerations
            )
        ]
        if missing:
            spec["tolerations"] = [
                *tolerations,
                *(
                    {
                        "key": taint,
                        "operator": "Exists",
                        "effect": "NoExecute",
                        "tolerationSeconds": _SECONDS,
                    }
                    for taint in missing
                ),
            ]
