"""RuntimeClass: a pod brings the overhead and the node choice of its runtime."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.quantity import QuantityError, compare
from grappe.api.resources import PODS
from grappe.api.tolerations import merged
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
        found = self._class(request, spec)
        if found is None:
            return
        overhead = found.get("overhead")
        if overhead is not None:
            fixed = overhead.get("podFixed") or {}
            if spec.get("overhead"):
                _require_same(request, spec["overhead"], fixed)
            if fixed:
                spec["overhead"] = dict(fixed)
        _set_scheduling(request, spec, found.get("scheduling") or {})

    def validate(self, request: AdmissionRequest) -> None:
        spec = (request.obj or {})["spec"]
        if not spec.get("overhead") and not spec.get("runtimeClassName"):
            return
        found = self._class(request, spec)
        overhead = (found or {}).get("overhead")
        if overhead is not None:
            _require_same(request, spec.get("overhead") or {}, overhead.get("podFixed") or {})
        elif spec.get("overhead"):
            raise refuse(
                request,
                "pod rejected: Pod Overhead set without corresponding RuntimeClass defined "
                "Overhead",
            )

    def _class(self, request: AdmissionRequest, spec: Object) -> Object | None:
        """The pod's class, None when it names none."""
        name = spec.get("runtimeClassName")
        if not name:
            return None
        found = self._live.get(RUNTIME_CLASSES, "", name)
        if found is None:
            raise refuse(request, f'pod rejected: RuntimeClass "{name}" not found')
        return found


def _require_same(request: AdmissionRequest, overhead: Object, fixed: Object) -> None:
    """Quantities may be spelled differently."""
    if overhead.keys() == fixed.keys():
        try:
            if all(compare(overhead[name], fixed[name]) == 0 for name in fixed):
                return
        except QuantityError:
            pass  # validation tells
    raise refuse(
        request, "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead"
    )


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
    tolerations = merged(spec.get("tolerations") or [], scheduling.get("tolerations") or [])
    if tolerations:
        spec["tolerations"] = tolerations
