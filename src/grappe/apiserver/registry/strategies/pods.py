"""Pods: selectors, phase and quality of service at birth, graceful deletion."""

from __future__ import annotations

from collections.abc import Sequence

from grappe.api import Object
from grappe.api.app_armor import fields_from_annotations
from grappe.api.label_keys import merge_label_keys
from grappe.api.quality import quality_of_service
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.strategies.base import Strategy

_DEFAULT_GRACE = 30
_TERMINAL = ("Succeeded", "Failed")
_GATED: Object = {
    "type": "PodScheduled",
    "status": "False",
    "lastProbeTime": None,
    "lastTransitionTime": None,
    "reason": "SchedulingGated",
    "message": "Scheduling is blocked due to non-empty scheduling gates",
}


class PodStrategy(Strategy):
    generation = True
    returns_deleted = True

    def initial_status(self, obj: Object) -> Object:
        status: Object = {"phase": "Pending", "qosClass": quality_of_service(obj)}
        if obj["spec"].get("schedulingGates"):
            status["conditions"] = [dict(_GATED)]
        return status

    def prepare_create(self, obj: Object, user: User) -> Sequence[str] | None:
        super().prepare_create(obj, user)
        merge_label_keys(obj)
        return fields_from_annotations(obj)

    def prepare(self, subresource: str, new: Object, old: Object) -> None:
        match subresource:
            case "binding":
                pass  # where it runs is not what was asked for: the generation stays
            case "ephemeralcontainers":
                wanted = (new.get("spec") or {}).get("ephemeralContainers")
                new["spec"] = {**old["spec"], "ephemeralContainers": wanted or []}
                self.prepare_update(new, old)
            case "resize":
                new["spec"] = _resized(new.get("spec") or {}, old["spec"])
                self.prepare_update(new, old)
            case _:
                super().prepare(subresource, new, old)

    def prepare_status(self, new: Object, old: Object) -> None:
        super().prepare_status(new, old)
        before = old.get("status") or {}
        status = new.get("status")
        if isinstance(status, dict) and "qosClass" in before:
            status.setdefault("qosClass", before["qosClass"])
        if isinstance(status, dict):
            _settle_addresses(status)
        owners = old["metadata"].get("ownerReferences")
        if owners:
            new["metadata"]["ownerReferences"] = owners

    def grace_period(self, obj: Object, asked: int | None) -> int | None:
        """What was asked, else the pod's own; nobody waits for a pod that has ended or that no
        node has ever seen."""
        grace = asked
        if grace is None:
            own = obj["spec"].get("terminationGracePeriodSeconds")
            grace = _DEFAULT_GRACE if own is None else 1 if int(own) < 0 else int(own)
        phase = (obj.get("status") or {}).get("phase")
        if not obj["spec"].get("nodeName") or phase in _TERMINAL:
            grace = 0
        return grace


def _settle_addresses(status: Object) -> None:
    """The first of a pod's addresses stands alone too, where older writers put the only one."""
    first, listed = status.get("podIP"), status.get("podIPs") or []
    if first and (not listed or listed[0].get("ip") != first):
        status["podIPs"] = [{"ip": first}]
    elif not first and listed and listed[0].get("ip"):
        status["podIP"] = listed[0]["ip"]


def _resized(wanted: Object, spec: Object) -> Object:
    """`spec` with the containers' resources of `wanted` and nothing else of it."""
    found = dict(spec)
    for part in ("containers", "initContainers"):
        asked = {c.get("name"): c for c in wanted.get(part) or ()}
        if part in spec:
            found[part] = [
                {**c, **_only(asked.get(c["name"], c), "resources", "resizePolicy")}
                for c in spec[part]
            ]
    return found


def _only(container: Object, *names: str) -> Object:
    return {name: container[name] for name in names if name in container}
