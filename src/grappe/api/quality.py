"""The quality-of-service class of a pod
(https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/)."""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.quantity import parse

_COUNTED = ("cpu", "memory")


def _positive(resources: Any, kind: str) -> dict[str, Any]:
    listed = (resources or {}).get(kind) or {}
    found = {}
    for name in _COUNTED:
        if name in listed:
            try:
                value = parse(str(listed[name]))
            except ValueError:
                continue
            if value > 0:
                found[name] = value
    return found


def quality_of_service(pod: Object) -> str:
    """Guaranteed, Burstable or BestEffort."""
    spec = pod.get("spec") or {}
    whole = spec.get("resources")
    if whole and (_positive(whole, "requests") or _positive(whole, "limits")):
        parts = [whole]
    else:
        containers = [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]
        parts = [container.get("resources") for container in containers]
    asked = [(_positive(part, "requests"), _positive(part, "limits")) for part in parts]
    if not any(requests or limits for requests, limits in asked):
        return "BestEffort"
    for requests, limits in asked:
        if len(limits) != len(_COUNTED) or requests != limits:
            return "Burstable"
    return "Guaranteed"
