"""Services, Endpoints, EndpointSlices, Ingresses and NetworkPolicies."""

from __future__ import annotations

import ipaddress
from typing import Any

from grappe.api import Object, names
from grappe.api.causes import duplicate, forbidden, invalid, required, too_many
from grappe.api.validation.rules import (
    Causes,
    immutable,
    label_map,
    label_selector,
    named,
    one_of,
    port_number,
    port_number_or_name,
)

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_POLICIES = ("Cluster", "Local")
_IP = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
_MOST_SUBSETS = 1000


def address(value: Any, at: str) -> Causes:
    """An IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        yield invalid(at, value, _IP)


def service(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    kind, ports = spec.get("type"), spec.get("ports") or []
    headless = spec.get("clusterIP") == "None"
    yield from one_of(kind, "spec.type", _TYPES)
    if kind == "ExternalName":
        name = (spec.get("externalName") or "").removesuffix(".")
        if name:
            yield from named(name, "spec.externalName", names.dns_subdomain_problems)
        else:
            yield required("spec.externalName")
        if spec.get("clusterIP"):
            detail = "may not be set when `type` is 'ExternalName'"
            yield forbidden("spec.clusterIPs", detail)
    elif not ports and not headless:
        yield required("spec.ports")
    if headless and kind in ("NodePort", "LoadBalancer"):
        detail = f"may not be set to 'None' for {kind} services"
        yield invalid("spec.clusterIPs[0]", "None", detail)
    yield from label_map(spec.get("selector"), "spec.selector")
    yield from _service_ports(ports, kind)
    for i, value in enumerate(spec.get("externalIPs") or ()):
        yield from address(value, f"spec.externalIPs[{i}]")
    affinities = ("ClientIP", "None")
    yield from one_of(
        spec.get("sessionAffinity"), "spec.sessionAffinity", affinities, optional=True
    )
    for field in ("internalTrafficPolicy", "externalTrafficPolicy"):
        yield from one_of(spec.get(field), f"spec.{field}", _POLICIES, optional=True)


def _service_ports(ports: list[Object], kind: str | None) -> Causes:
    seen_names: set[str] = set()
    seen_ports: set[tuple[Any, Any]] = set()
    seen_node_ports: set[tuple[Any, Any]] = set()
    for i, port in enumerate(ports):
        at = f"spec.ports[{i}]"
        name = port.get("name") or ""
        if not name:
            if len(ports) > 1:
                yield required(f"{at}.name")
        else:
            for problem in names.dns_label_problems(name):
                yield invalid(f"{at}.name", name, problem)
            if name in seen_names:
                yield duplicate(f"{at}.name", name)
            seen_names.add(name)
        yield from port_number(port.get("port", 0), f"{at}.port")
        yield from one_of(port.get("protocol"), f"{at}.protocol", _PROTOCOLS)
        if port.get("targetPort") is not None:
            yield from port_number_or_name(port["targetPort"], f"{at}.targetPort")
        if port.get("nodePort") and kind == "ClusterIP":
            detail = "may not be used when `type` is 'ClusterIP'"
            yield forbidden(f"{at}.nodePort", detail)
        key = (port.get("protocol"), port.get("port"))
        if key in seen_ports:
            yield duplicate(at, {"port": port.get("port"), "protocol": port.get("protocol")})
        seen_ports.add(key)
        if port.get("nodePort"):
            node_key = (port.get("protocol"), port["nodePort"])
            if node_key in seen_node_ports:
                yield duplicate(f"{at}.nodePort", port["nodePort"])
            seen_node_ports.add(node_key)


def service_update(new: Object, old: Object) -> Causes:
    """A cluster IP stays, unless the service becomes an ExternalName or was one."""
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    if "ExternalName" in (spec.get("type"), before.get("type")):
        return
    if before.get("clusterIP") and spec.get("clusterIP") != before["clusterIP"]:
        detail = "may not change once set"
        yield invalid("spec.clusterIPs[0]", spec.get("clusterIPs") or [], detail)


def endpoints(obj: Object) -> Causes:
    for i, subset in enumerate(obj.get("subsets") or ()):
        at = f"subsets[{i}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            yield required(at, "must specify `addresses` or `notReadyAddresses`")
        for part in ("addresses", "notReadyAddresses"):
            for j, found in enumerate(subset.get(part) or ()):
                yield from address(found.get("ip"), f"{at}.{part}[{j}].ip")
        for j, port in enumerate(subset.get("ports") or ()):
            yield from port_number(port.get("port", 0), f"{at}.ports[{j}].port")
            if len(subset["ports"]) > 1 and not port.get("name"):
                yield required(f"{at}.ports[{j}].name")


def endpoint_slice(obj: Object) -> Causes:
    family = obj.get("addressType")
    yield from one_of(family, "addressType", ("FQDN", "IPv4", "IPv6"))
    found = obj.get("endpoints") or []
    if len(found) > _MOST_SUBSETS:
        yield too_many("endpoints", len(found), _MOST_SUBSETS)
    for i, endpoint in enumerate(found):
        at = f"endpoints[{i}].addresses"
        if not endpoint.get("addresses"):
            yield required(at, "must contain at least 1 address")
        for j, value in enumerate(endpoint.get("addresses") or ()):
            if family in ("IPv4", "IPv6"):
                yield from address(value, f"{at}[{j}]")
    seen = set()
    for i, port in enumerate(obj.get("ports") or ()):
        if port.get("name", "") in seen:
            yield duplicate("ports", port.get("name", ""))
        seen.add(port.get("name", ""))
        if port.get("port") is not None:
            yield from port_number(port["port"], f"ports[{i}].port")


def endpoint_slice_update(new: Object, old: Object) -> Causes:
    yield from immutable(new.get("addressType"), old.get("addressType"), "addressType")


def ingress(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    if not spec.get("rules") and not spec.get("defaultBackend"):
        detail = "either `defaultBackend` or `rules` must be specified"
        yield invalid("spec", spec, detail)
    if backend := spec.get("defaultBackend"):
        yield from _backend(backend, "spec.defaultBackend")
    for i, rule in enumerate(spec.get("rules") or ()):
        at = f"spec.rules[{i}]"
        if host := rule.get("host"):
            check = (
                names.wildcard_subdomain_problems if "*" in host else names.dns_subdomain_problems
            )
            yield from named(host, f"{at}.host", check)
        http = rule.get("http")
        if http is not None and not http.get("paths"):
            yield required(f"{at}.http.paths")
        for j, path in enumerate((http or {}).get("paths") or ()):
            where = f"{at}.http.paths[{j}]"
            kinds = ("Exact", "ImplementationSpecific", "Prefix")
            if not path.get("pathType"):
                yield required(f"{where}.pathType", "pathType must be specified")
            else:
                yield from one_of(path["pathType"], f"{where}.pathType", kinds)
            value = path.get("path") or ""
            exact = path.get("pathType") in ("Exact", "Prefix")
            if (exact or value) and not value.startswith("/"):
                yield invalid(f"{where}.path", value, "must be an absolute path")
            yield from _backend(path.get("backend") or {}, f"{where}.backend")


def _backend(backend: Object, at: str) -> Causes:
    target, resource = backend.get("service"), backend.get("resource")
    if target and resource:
        yield invalid(at, "", "cannot set both resource and service backends")
    elif not target and not resource:
        yield required(at, "resource or service backend is required")
    elif target:
        yield from named(target.get("name"), f"{at}.service.name", names.dns_1035_label_problems)
        port = target.get("port") or {}
        if not port.get("name") and not port.get("number"):
            yield required(at, "port name or number is required")


def network_policy(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    yield from label_selector(spec.get("podSelector"), "spec.podSelector")
    for i, kind in enumerate(spec.get("policyTypes") or ()):
        yield from one_of(kind, f"spec.policyTypes[{i}]", ("Egress", "Ingress"))
    for part, peers in (("ingress", "from"), ("egress", "to")):
        for i, rule in enumerate(spec.get(part) or ()):
            at = f"spec.{part}[{i}]"
            for j, peer in enumerate(rule.get(peers) or ()):
                yield from _peer(peer, f"{at}.{peers}[{j}]")
            for j, port in enumerate(rule.get("ports") or ()):
                yield from _policy_port(port, f"{at}.ports[{j}]")


def _policy_port(port: Object, at: str) -> Causes:
    number, last = port.get("port"), port.get("endPort")
    yield from one_of(port.get("protocol"), f"{at}.protocol", _PROTOCOLS, optional=True)
    if number is not None:
        yield from port_number_or_name(number, f"{at}.port")
    if last is None:
        return
    if number is None:
        yield invalid(f"{at}.endPort", last, "may not be specified when `port` is not specified")
    elif not isinstance(number, int):
        yield invalid(f"{at}.endPort", last, "may not be specified when `port` is non-numeric")
    else:
        if last < number:
            yield invalid(f"{at}.endPort", number, "must be greater than or equal to `port`")
        yield from port_number(last, f"{at}.endPort")


def _network(text: Any) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    try:
        return ipaddress.ip_network(text or "", strict=False)
    except ValueError:
        return None


def _ip_block(block: Object, at: str) -> Causes:
    detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
    whole = _network(block.get("cidr"))
    if whole is None:
        yield invalid(f"{at}.cidr", block.get("cidr") or "", detail)
        return
    for i, text in enumerate(block.get("except") or ()):
        part = _network(text)
        if part is None:
            yield invalid(f"{at}.except[{i}]", text, detail)
        elif part.prefixlen <= whole.prefixlen or part.network_address not in whole:
            yield invalid(f"{at}.except[{i}]", text, "must be a strict subset of `cidr`")


def _peer(peer: Object, at: str) -> Causes:
    block = peer.get("ipBlock")
    if block:
        if peer.get("podSelector") is not None or peer.get("namespaceSelector") is not None:
            detail = "may not specify both ipBlock and another peer"
            yield forbidden(at, detail)
        yield from _ip_block(block, f"{at}.ipBlock")
    elif peer.get("podSelector") is None and peer.get("namespaceSelector") is None:
        yield required(at, "must specify a peer")
    for field in ("podSelector", "namespaceSelector"):
        yield from label_selector(peer.get(field), f"{at}.{field}")
