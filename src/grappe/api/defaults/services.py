"""Defaults of Service, Endpoints and EndpointSlice. Addresses and node ports are allocated by the
registry."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.defaults.fields import fill, fill_empty, objects, part

_THREE_HOURS = 10_800


def _service(obj: Object) -> None:
    spec = part(obj, "spec")
    fill_empty(spec, "sessionAffinity", "None")
    fill_empty(spec, "type", "ClusterIP")
    if spec["sessionAffinity"] == "ClientIP":
        client = part(part(spec, "sessionAffinityConfig"), "clientIP")
        fill(client, {"timeoutSeconds": _THREE_HOURS})
    else:
        spec.pop("sessionAffinityConfig", None)
    for port in objects(spec, "ports"):
        fill_empty(port, "protocol", "TCP")
        if port.get("targetPort") in (None, "", 0) and "port" in port:
            port["targetPort"] = port["port"]
    external = spec["type"] in ("NodePort", "LoadBalancer")
    if external or (spec["type"] == "ClusterIP" and spec.get("externalIPs")):
        fill_empty(spec, "externalTrafficPolicy", "Cluster")
    if spec["type"] != "ExternalName":
        fill(spec, {"internalTrafficPolicy": "Cluster"})
    if spec["type"] == "LoadBalancer":
        fill(spec, {"allocateLoadBalancerNodePorts": True})
        balancer = (obj.get("status") or {}).get("loadBalancer") or {}
        for ingress in objects(balancer, "ingress"):
            if ingress.get("ip"):
                fill(ingress, {"ipMode": "VIP"})


def _endpoints(obj: Object) -> None:
    for subset in objects(obj, "subsets"):
        for port in objects(subset, "ports"):
            fill_empty(port, "protocol", "TCP")


def _endpoint_slice(obj: Object) -> None:
    for port in objects(obj, "ports"):
        fill(port, {"name": "", "protocol": "TCP"})


CORE_DEFAULTS = {"Endpoints": _endpoints, "Service": _service}
DISCOVERY_DEFAULTS = {"EndpointSlice": _endpoint_slice}
