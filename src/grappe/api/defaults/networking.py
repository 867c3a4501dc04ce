"""Defaults of NetworkPolicy and IngressClass."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.defaults.fields import fill, objects, part


def _network_policy(obj: Object) -> None:
    spec = part(obj, "spec")
    fill(spec, {"podSelector": {}})
    for direction in ("ingress", "egress"):
        for rule in objects(spec, direction):
            for port in objects(rule, "ports"):
                fill(port, {"protocol": "TCP"})
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _ingress_class(obj: Object) -> None:
    parameters = (obj.get("spec") or {}).get("parameters")
    if parameters:
        fill(parameters, {"scope": "Cluster"})


DEFAULTS = {"IngressClass": _ingress_class, "NetworkPolicy": _network_policy}
