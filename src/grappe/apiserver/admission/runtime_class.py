"""RuntimeClass: a pod brings the overhead and the node choice of its runtime."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.resources import PODS
from grappe.apiserver.admission.kinds import RUNTIME_CLASSES
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin, refuse
from grappe.apiserver.registry.interface import AdmissionRequest, Operation


class RuntimeClass(Plugin):
    """https://kubernetes.io/docs/concepts/containers/runtime-class/"""

    def __init__(self, live: Live) -> None:
        self._live = live

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        return operation == "CREATE" and bucket == PODS.bucket and not subresource

    def admit(self, request: AdmissionRequest) -> None:
        spec = (request.obj or {})["spec"]
        name = spec.get("runtimeClassName")
        if not name:
            if spec.get("overhead"):
                raise refuse(
                    request,
                    "pod rejected: Pod Overhead set without corresponding RuntimeClass defined "
                    "Overhead",
                )
            return
        found = self._live.get(RUNTIME_CLASSES, "", name)
        if found is None:
            raise refuse(request, f'pod rejected: RuntimeClass "{name}" not found')
        _set_overhead(request, spec, (found.get("overhead") or {}).get("podFixed"))
        _set_scheduling(request, spec, found.get("scheduling") or {})


def _set_overhead(request: AdmissionRequest, spec: Object, fixed: Object | None) -> None:
    if spec.get("overhead") and spec["overhead"] != fixed:
        raise refuse(
            request,
            "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
        )
    if fixed:
        spec["overhead"] = dict(fixed)


def _set_scheduling(request: AdmissionRequest, spec: Object, scheduling: Object) -> None:
    selector = spec.get("nodeSelector") or {}
    for key, value in (scheduling.get("nodeSelector") or {}).items():
        if selector.get(key, value) != value:
            raise refuse(
                request,
                "conflict: runtimeClass.scheduling.nodeSelector"
                f"[{key}] = {value}; pod.spec.nodeSelector[{key}] = {selector[key]}",
            )
        selector = {**selector, key: value}
    if selector:
        spec["nodeSelector"] = selector
    have = spec.get("tolerations") or []
    more = [t for t in scheduling.get("tolerations") or () if t not in have]
    if more:
        spec["tolerations"] = [*have, *more]
