"""Services, their endpoints, Ingresses and policies."""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.printers.column import (
    AGE,
    NAME,
    NONE,
    UNSET,
    Column,
    Printer,
    age,
    joined,
    labels_text,
    selector_text,
    wide,
)


def _more(shown: list[str], hidden: int) -> str:
    return joined(shown) + (f" + {hidden} more..." if hidden > 0 else "")


def _service(obj: Object, now: float) -> list[Any]:
    spec = obj["spec"]
    cluster_ip = spec.get("clusterIP") or NONE
    return [
        obj["metadata"]["name"],
        spec.get("type", ""),
        cluster_ip,
        _external_ip(obj),
        joined(_service_port(port) for port in spec.get("ports") or []) or NONE,
        age(obj, now),
        labels_text(spec.get("selector")),
    ]


def _service_port(port: Object) -> str:
    node = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port['port']}{node}/{port.get('protocol', 'TCP')}"


def _external_ip(obj: Object) -> str:
    spec = obj["spec"]
    external = list(spec.get("externalIPs") or [])
    kind = spec.get("type")
    if kind == "ExternalName":
        return str(spec.get("externalName", ""))
    if kind == "LoadBalancer":
        ingress = obj.get("status", {}).get("loadBalancer", {}).get("ingress") or []
        found = [i.get("ip") or i.get("hostname", "") for i in ingress]
        return joined([*found, *external]) or "<pending>"
    return joined(external) or NONE


def _endpoints(obj: Object, now: float) -> list[Any]:
    shown: list[str] = []
    hidden = 0
    for subset in obj.get("subsets") or []:
        addresses = [a["ip"] for a in subset.get("addresses") or []]
        ports = subset.get("ports") or []
        pairs = [f"{a}:{p['port']}" for p in ports for a in addresses] if ports else addresses
        room = max(0, 3 - len(shown))
        shown += pairs[:room]
        hidden += len(pairs[room:])
    return [obj["metadata"]["name"], _more(shown, hidden) or NONE, age(obj, now)]


def _endpoint_slice(obj: Object, now: float) -> list[Any]:
    ports = [UNSET if p.get("port") is None else str(p["port"]) for p in obj.get("ports") or []]
    addresses = [a for e in obj.get("endpoints") or [] for a in e.get("addresses") or []]
    return [
        obj["metadata"]["name"],
        obj.get("addressType", ""),
        _more(ports[:3], len(ports) - 3) or UNSET,
        _more(addresses[:3], len(addresses) - 3) or UNSET,
        age(obj, now),
    ]


def _ingress(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec", {})
    hosts = [rule["host"] for rule in spec.get("rules") or [] if rule.get("host")]
    balancer = obj.get("status", {}).get("loadBalancer", {}).get("ingress") or []
    return [
        obj["metadata"]["name"],
        spec.get("ingressClassName") or NONE,
        _more(hosts[:3], len(hosts) - 3) or "*",
        joined(i.get("ip") or i.get("hostname", "") for i in balancer),
        "80, 443" if spec.get("tls") else "80",
        age(obj, now),
    ]


def _ingress_class(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec", {})
    parameters = spec.get("parameters")
    shown = NONE
    if parameters:
        group = f".{parameters['apiGroup']}" if parameters.get("apiGroup") else ""
        shown = f"{parameters['kind']}{group}/{parameters['name']}"
    return [obj["metadata"]["name"], spec.get("controller", ""), shown, age(obj, now)]


def _network_policy(obj: Object, now: float) -> list[Any]:
    selector = obj.get("spec", {}).get("podSelector")
    return [obj["metadata"]["name"], selector_text(selector), age(obj, now)]


def _ip_address(obj: Object, now: float) -> list[Any]:
    parent = obj.get("spec", {}).get("parentRef") or {}
    if not parent:
        return [obj["metadata"]["name"], NONE]
    resource = ".".join(p for p in (parent.get("resource"), parent.get("group")) if p).lower()
    place = [resource, parent.get("namespace"), parent.get("name", "")]
    return [obj["metadata"]["name"], "/".join(p for p in place if p)]


def _service_cidr(obj: Object, now: float) -> list[Any]:
    return [obj["metadata"]["name"], joined(obj.get("spec", {}).get("cidrs") or []), age(obj, now)]


_NETWORKING = "networking.k8s.io"

PRINTERS = {
    ("", "Service"): Printer(
        (
            NAME,
            Column("Type"),
            Column("Cluster-IP"),
            Column("External-IP"),
            Column("Port(s)"),
            AGE,
            wide("Selector"),
        ),
        _service,
    ),
    ("", "Endpoints"): Printer((NAME, Column("Endpoints"), AGE), _endpoints),
    ("discovery.k8s.io", "EndpointSlice"): Printer(
        (NAME, Column("AddressType"), Column("Ports"), Column("Endpoints"), AGE), _endpoint_slice
    ),
    (_NETWORKING, "Ingress"): Printer(
        (NAME, Column("Class"), Column("Hosts"), Column("Address"), Column("Ports"), AGE), _ingress
    ),
    (_NETWORKING, "IngressClass"): Printer(
        (NAME, Column("Controller"), Column("Parameters"), AGE), _ingress_class
    ),
    (_NETWORKING, "NetworkPolicy"): Printer((NAME, Column("Pod-Selector"), AGE), _network_policy),
    (_NETWORKING, "IPAddress"): Printer((NAME, Column("ParentRef")), _ip_address),
    (_NETWORKING, "ServiceCIDR"): Printer((NAME, Column("CIDRs"), AGE), _service_cidr),
}
