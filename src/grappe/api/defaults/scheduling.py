"""Defaults of PriorityClass and of device requests in resource claims."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.defaults.fields import fill, fill_empty, objects, part


def _priority_class(obj: Object) -> None:
    fill(obj, {"preemptionPolicy": "PreemptLowerPriority"})


def _claim_spec(spec: Object) -> None:
    for request in objects(spec.get("devices") or {}, "requests"):
        choices = [*objects(request, "firstAvailable")]
        if isinstance(request.get("exactly"), dict):
            choices.append(request["exactly"])
        for choice in choices:
            fill_empty(choice, "allocationMode", "ExactCount")
            if choice["allocationMode"] == "ExactCount" and not choice.get("count"):
                choice["count"] = 1
            for toleration in objects(choice, "tolerations"):
                fill_empty(toleration, "operator", "Equal")


def _claim(obj: Object) -> None:
    _claim_spec(part(obj, "spec"))


def _claim_template(obj: Object) -> None:
    _claim_spec(part(part(obj, "spec"), "spec"))


DEFAULTS = {"PriorityClass": _priority_class}
RESOURCE_DEFAULTS = {"ResourceClaim": _claim, "ResourceClaimTemplate": _claim_template}
