"""Services, their endpoints, Ingresses and policies."""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.printers.column import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    UNSET,
    Column,
    Printer,
    age,
    balancer_text,
    first_three,
    joined,
    labels_text,
    selector_text,
    wide,
)


def _service(obj: Object, now: float) -> list[Any]:
    spec = obj["spec"]
    cluster_ip = next(iter(spec.get("clusterIPs") or []), NONE)
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
        found = balancer_text(obj.get("status", {}))
        return joined(filter(None, [found, *external])) or "<pending>"
    return joined(external) or NONE if kind in ("ClusterIP", "NodePort") else UNKNOWN


def _endpoints(obj: Object, now: float) -> list[Any]:
    subsets = obj.get("subsets") or []
    found: list[str] = []
    for subset in subsets:
        addresses = [a["ip"] for a in subset.get("addresses") or []]
        ports = subset.get("ports") or []
        found += [_socket(a, p["port"]) for p in ports for a in addresses] if ports else addresses
    return [obj["metadata"]["name"], first_three(found, "" if subsets else NONE), age(obj, now)]


def _socket(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _endpoint_slice(obj: Object, now: float) -> list[Any]:
    ports = [str(p.get("port", p.get("name", "*"))) for p in obj.get("ports") or []]
    addresses = [a for e in obj.get("endpoints") or [] for a in e.get("addresses") or []]
    return [
        obj["metadata"]["name"],
        obj.get("addressType", ""),
        first_three(ports, UNSET),
        first_three(addresses, UNSET),
        age(obj, now),
    ]


def _ingress(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec", {})
    return [
        obj["metadata"]["name"],
        spec.get("ingressClassName", NONE),
        _hosts([rule.get("host") or "" for rule in spec.get("rules") or []]),
        balancer_text(obj.get("status", {})),
        "80, 443" if spec.get("tls") else "80",
        age(obj, now),
    ]


def _hosts(hosts: list[str]) -> str:
    """The first three; every rule after them is one more, with a host or without."""
    shown: list[str] = []
    for host in hosts:
        if len(shown) == 3:
            return f"{joined(shown)} + {len(hosts) - 3} more..."
        shown += [host] if host else []
    return joined(shown) or "*"


def _ingress_class(obj: Object, now: float) -> list[Any]:
    spec = obj.get("spec", {})
    annotations = obj["metadata"].get("annotations") or {}
    default = annotations.get("ingressclass.kubernetes.io/is-default-class") == "true"
    name = obj["metadata"]["name"] + (" (default)" if default else "")
    parameters = spec.get("parameters")
    shown = NONE
    if parameters:
        group = f".{parameters['apiGroup']}" if parameters.get("apiGroup") else ""
        shown = f"{parameters['kind']}{group}/{parameters['name']}"
    return [name, spec.get("controller", ""), shown, age(obj, now)]


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
