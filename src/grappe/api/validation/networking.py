"""Ingresses and their classes, NetworkPolicies, IP addresses and service ranges
(https://kubernetes.io/docs/concepts/services-networking/)."""

from __future__ import annotations

from grappe.api import Object, names
from grappe.api.causes import forbidden, invalid, not_supported, required, too_long
from grappe.api.validation.rules import (
    PROTOCOLS,
    Causes,
    immutable,
    label_selector,
    named,
    network,
    parsed_address,
    parsed_network,
    port_number,
    port_number_or_name,
    well_formed,
)
from grappe.api.validation.services import ingress_point

_CLASS = "kubernetes.io/ingress.class"
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_SEQUENCES = ("//", "/./", "/../", "%2f", "%2F")
_SUFFIXES = ("/..", "/.")
_CONTROLLER_MAX = 250


def ingress(obj: Object) -> Causes:
    yield from _ingress(obj)
    old, new = (
        (obj["metadata"].get("annotations") or {}).get(_CLASS),
        (obj.get("spec") or {}).get("ingressClassName"),
    )
    if old is not None and new is not None and old != new:
        detail = "must match `ingressClassName` when both are specified"
        yield invalid(f"annotations.{_CLASS}", old, detail)


def ingress_update(new: Object, old: Object) -> Causes:
    yield from _ingress(new)


def _ingress(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    rules = spec.get("rules") or []
    if not rules and spec.get("defaultBackend") is None:
        detail = "either `defaultBackend` or `rules` must be specified"
        yield invalid("spec", spec.get("rules"), detail)
    if (backend := spec.get("defaultBackend")) is not None:
        yield from _backend(backend, "spec.defaultBackend")
    for i, rule in enumerate(rules):
        yield from _rule(rule, f"spec.rules[{i}]")
    for i, tls in enumerate(spec.get("tls") or ()):
        for j, host in enumerate(tls.get("hosts") or ()):
            yield from _host(host, f"spec.tls[{i}].hosts[{j}]")
        where, check = f"spec.tls[{i}].secretName", names.dns_subdomain_problems
        yield from named(tls.get("secretName"), where, check, optional=True)
    if (name := spec.get("ingressClassName")) is not None:
        yield from well_formed(name, "spec.ingressClassName", names.dns_subdomain_problems)


def _host(host: str, at: str) -> Causes:
    wild = "*" in host
    check = names.wildcard_subdomain_problems if wild else names.dns_subdomain_problems
    yield from well_formed(host, at, check)


def _rule(rule: Object, at: str) -> Causes:
    if host := rule.get("host"):
        if parsed_address(host) is not None:
            yield invalid(f"{at}.host", host, "must be a DNS name, not an IP address")
        yield from _host(host, f"{at}.host")
    http = rule.get("http")
    if http is None:
        return
    if not http.get("paths"):
        yield required(f"{at}.http.paths")
    for i, path in enumerate(http.get("paths") or ()):
        yield from _path(path, f"{at}.http.paths[{i}]")


def _path(path: Object, at: str) -> Causes:
    kind, value = path.get("pathType"), path.get("path") or ""
    if kind is None:
        yield required(f"{at}.pathType", "pathType must be specified")
        return
    exact = kind in ("Exact", "Prefix")
    if kind not in _PATH_TYPES:
        yield not_supported(f"{at}.pathType", kind, _PATH_TYPES)
    elif (exact or value) and not value.startswith("/"):
        yield invalid(f"{at}.path", value, "must be an absolute path")
    if exact:
        for sequence in _SEQUENCES:
            if sequence in value:
                yield invalid(f"{at}.path", value, f"must not contain '{sequence}'")
        for suffix in _SUFFIXES:
            if value.endswith(suffix):
                yield invalid(f"{at}.path", value, f"cannot end with '{suffix}'")
    yield from _backend(path.get("backend") or {}, f"{at}.backend")


def _backend(backend: Object, at: str) -> Causes:
    service, resource = backend.get("service"), backend.get("resource")
    if service is not None and resource is not None:
        yield invalid(at, "", "cannot set both resource and service backends")
    elif resource is not None:
        yield from _reference(resource, f"{at}.resource")
    elif service is not None:
        yield from named(service.get("name"), f"{at}.service.name", names.dns_1035_label_problems)
        port = service.get("port") or {}
        name, number = port.get("name"), port.get("number")
        if name and number:
            yield invalid(at, "", "cannot set both port name & port number")
        elif name:
            yield from well_formed(name, f"{at}.service.port.name", names.port_name_problems)
        elif number:
            yield from port_number(number, f"{at}.service.port.number")
        else:
            yield required(at, "port name or number is required")
    else:
        yield invalid(at, "", "resource or service backend is required")


def _reference(reference: Object, at: str) -> Causes:
    if (group := reference.get("apiGroup")) is not None:
        yield from well_formed(group, f"{at}.apiGroup", names.dns_subdomain_problems)
    for field in ("kind", "name"):
        yield from named(reference.get(field), f"{at}.{field}", names.path_segment_problems)


def ingress_status(new: Object, old: Object) -> Causes:
    balancer = (new.get("status") or {}).get("loadBalancer") or {}
    for i, entry in enumerate(balancer.get("ingress") or ()):
        yield from ingress_point(entry, f"status.loadBalancer.ingress[{i}]")


def ingress_class(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    controller, at = spec.get("controller") or "", "spec.controller"
    if not controller:
        yield required(at)
    else:
        if len(controller) > _CONTROLLER_MAX:
            yield too_long(at, _CONTROLLER_MAX)
        yield from well_formed(controller, at, names.prefixed_path_problems)
    if (parameters := spec.get("parameters")) is not None:
        yield from _class_parameters(parameters, "spec.parameters")


def _class_parameters(parameters: Object, at: str) -> Causes:
    yield from _reference(parameters, at)
    scope, namespace = parameters.get("scope"), parameters.get("namespace")
    if scope is None:
        yield required(f"{at}.scope")
    elif scope not in ("Cluster", "Namespace"):
        yield not_supported(f"{at}.scope", scope, ("Cluster", "Namespace"))
    elif scope == "Namespace":
        if namespace is None:
            yield required(f"{at}.namespace", "`parameters.scope` is set to 'Namespace'")
        else:
            yield from well_formed(namespace, f"{at}.namespace", names.dns_label_problems)
    elif namespace is not None:
        yield forbidden(f"{at}.namespace", "`parameters.scope` is set to 'Cluster'")


def ingress_class_update(new: Object, old: Object) -> Causes:
    controller, had = (o.get("spec", {}).get("controller") for o in (new, old))
    yield from immutable(controller, had, "spec.controller")
    yield from ingress_class(new)


def network_policy(obj: Object) -> Causes:
    spec = obj.get("spec") or {}
    yield from label_selector(spec.get("podSelector"), "spec.podSelector")
    for part, peers in (("ingress", "from"), ("egress", "to")):
        for i, rule in enumerate(spec.get(part) or ()):
            at = f"spec.{part}[{i}]"
            for j, port in enumerate(rule.get("ports") or ()):
                yield from _policy_port(port, f"{at}.ports[{j}]")
            for j, peer in enumerate(rule.get(peers) or ()):
                yield from _peer(peer, f"{at}.{peers}[{j}]")
    types = spec.get("policyTypes") or []
    if len(types) > 2:
        yield invalid("spec.policyTypes", types, "may not specify more than two policyTypes")
        return
    for i, kind in enumerate(types):
        if kind not in ("Ingress", "Egress"):
            yield not_supported(f"spec.policyTypes[{i}]", kind, ("Ingress", "Egress"))


def network_policy_update(new: Object, old: Object) -> Causes:
    yield from network_policy(new)


def _policy_port(port: Object, at: str) -> Causes:
    number, last = port.get("port"), port.get("endPort")
    protocol = port.get("protocol")
    if protocol is not None and protocol not in PROTOCOLS:
        yield not_supported(f"{at}.protocol", protocol, ("TCP", "UDP", "SCTP"))
    where = f"{at}.endPort"
    if number is None:
        if last is not None:
            yield invalid(where, last, "may not be specified when `port` is not specified")
        return
    if not isinstance(number, int) and last is not None:
        yield invalid(where, last, "may not be specified when `port` is non-numeric")
    yield from port_number_or_name(number, f"{at}.port")
    if isinstance(number, int) and last is not None:
        if last < number:
            yield invalid(where, last, "must be greater than or equal to `port`")
        yield from port_number(last, where)


def _ip_block(block: Object, at: str) -> Causes:
    text = block.get("cidr") or ""
    if not text:
        yield required(f"{at}.cidr")
        return
    yield from network(text, f"{at}.cidr")
    whole = parsed_network(text)
    if whole is None:
        return
    for i, part in enumerate(block.get("except") or ()):
        yield from network(part, f"{at}.except[{i}]")
        inner = parsed_network(part)
        if inner is None:
            continue
        if inner.prefixlen <= whole.prefixlen or inner.network_address not in whole:
            yield invalid(f"{at}.except[{i}]", part, "must be a strict subset of `cidr`")


def _peer(peer: Object, at: str) -> Causes:
    given = [k for k in ("podSelector", "namespaceSelector", "ipBlock") if k in peer]
    for field in given:
        if field == "ipBlock":
            yield from _ip_block(peer[field], f"{at}.{field}")
        else:
            yield from label_selector(peer[field], f"{at}.{field}")
    if not given:
        yield required(at, "must specify a peer")
    elif len(given) > 1 and "ipBlock" in given:
        yield forbidden(at, "may not specify both ipBlock and another peer")


def ip_address(obj: Object) -> Causes:
    parent = (obj.get("spec") or {}).get("parentRef")
    at = "spec.parentRef"
    if parent is None:
        yield required(at)
        return
    if group := parent.get("group"):
        yield from well_formed(group, f"{at}.group", names.dns_subdomain_problems)
    for field in ("resource", "name"):
        yield from named(parent.get(field), f"{at}.{field}", names.path_segment_problems)
    if namespace := parent.get("namespace"):
        yield from well_formed(namespace, f"{at}.namespace", names.path_segment_problems)


def ip_address_update(new: Object, old: Object) -> Causes:
    parent, had = ((o.get("spec") or {}).get("parentRef") for o in (new, old))
    yield from immutable(parent, had, "spec.parentRef")


def service_cidr(obj: Object) -> Causes:
    ranges = (obj.get("spec") or {}).get("cidrs") or []
    at = "spec.cidrs"
    if not ranges:
        yield required(at, "at least one CIDR required")
        return
    if len(ranges) > 2:
        yield invalid(at, ranges, "may only hold up to 2 values")
    versions = {found.version for text in ranges if (found := parsed_network(text))}
    if len(ranges) == 2 and all(map(parsed_network, ranges)) and len(versions) < 2:
        detail = (
            "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and "
            "2001:db8::/64"
        )
        yield invalid(at, ranges, detail)
    for i, text in enumerate(ranges):
        where = f"{at}[{i}]"
        yield from network(text, where)
        found = parsed_network(text)
        if found is not None and str(found) != text:
            yield invalid(where, text, f'must be in canonical form ("{found}")')


def service_cidr_update(new: Object, old: Object) -> Causes:
    """A second family may be added to the first."""
    ranges, had = ((o.get("spec") or {}).get("cidrs") or [] for o in (new, old))
    added = len(had) == 1 and len(ranges) == 2
    if not added and len(had) != len(ranges):
        yield from immutable(ranges, had, "spec.cidrs")
        return
    for i, (now, was) in enumerate(zip(ranges, had, strict=False)):
        yield from immutable(now, was, f"spec.cidrs[{i}]")
    if added:
        yield from service_cidr(new)
