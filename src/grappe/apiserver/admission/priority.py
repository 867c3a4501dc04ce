"""Priority: the number behind a pod's priority class."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.resources import PODS
from grappe.apiserver.admission.kinds import PRIORITY_CLASSES
from grappe.apiserver.admission.live import Live
from grappe.apiserver.admission.plugin import Plugin, refuse
from grappe.apiserver.registry.interface import AdmissionRequest, Operation


class Priority(Plugin):
    """https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/"""

    def __init__(self, live: Live) -> None:
        self._live = live

    def concerns(self, operation: Operation, bucket: str, subresource: str) -> bool:
        if bucket == PODS.bucket:
            return operation in ("CREATE", "UPDATE") and not subresource
        return bucket == PRIORITY_CLASSES.bucket and operation in ("CREATE", "UPDATE")

    def admit(self, request: AdmissionRequest) -> None:
        if request.served.bucket != PODS.bucket:
            return
        spec = (request.obj or {})["spec"]
        if request.old is not None:
            for field in ("priority", "preemptionPolicy"):
                if spec.get(field) is None and field in request.old["spec"]:
                    spec[field] = request.old["spec"][field]
            return
        name = spec.get("priorityClassName") or ""
        if name:
            found = self._live.get(PRIORITY_CLASSES, "", name)
            if found is None:
                raise refuse(request, f"no PriorityClass with name {name} was found")
        else:
            found = self._default()
        value = found.get("value", 0) if found else 0
        policy = (found or {}).get("preemptionPolicy") or "PreemptLowerPriority"
        if found and not name:
            spec["priorityClassName"] = found["metadata"]["name"]
        asked = spec.get("priority")
        if asked is not None and asked != value:
            raise refuse(
                request,
                f"the integer value of priority ({asked}) must not be provided in pod spec; "
                f"priority admission controller computed {value} from the given PriorityClass name",
            )
        spec["priority"] = value
        wanted = spec.get("preemptionPolicy")
        if wanted is not None and wanted != policy:
            raise refuse(
                request,
                f"the string value of PreemptionPolicy ({wanted}) must not be provided in pod "
                f"spec; priority admission controller computed {policy} from the given "
                "PriorityClass name",
            )
        spec["preemptionPolicy"] = policy

    def validate(self, request: AdmissionRequest) -> None:
        if request.served.bucket == PODS.bucket or not (request.obj or {}).get("globalDefault"):
            return
        default = self._default()
        if default and (request.old is None or default["metadata"]["name"] != request.name):
            raise refuse(
                request,
                f"PriorityClass {default['metadata']['name']} is already marked as default. "
                "Only one default can exist",
            )

    def _default(self) -> Object | None:
        """The default class; of several the one with the least priority."""
        found = [c for c in self._live.list(PRIORITY_CLASSES) if c.get("globalDefault")]
        return min(found, key=lambda c: int(c.get("value", 0)), default=None)
