"""Services (https://kubernetes.io/docs/concepts/services-networking/service/)."""

from __future__ import annotations

from typing import Any

from grappe.api import Object, names
from grappe.api.causes import duplicate, forbidden, invalid, not_supported, required
from grappe.api.validation.rules import (
    PROTOCOLS,
    Causes,
    address,
    label_map,
    network,
    one_of,
    ordinary_address,
    parsed_address,
    port_number,
    port_number_or_name,
    qualified,
    well_formed,
)

_TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
_POLICIES = ("Cluster", "Local")
_FAMILIES = ("IPv4", "IPv6")
_FAMILY_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
_DISTRIBUTIONS = ("PreferClose", "PreferSameNode", "PreferSameZone")
_MOST_AFFINITY_SECONDS = 86_400
_HINTS, _MODE = "service.kubernetes.io/topology-aware-hints", "service.kubernetes.io/topology-mode"
_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
_BALANCER_ONLY = "may only be used when `type` is 'LoadBalancer'"


def validate(obj: Object) -> Causes:
    spec, kind = obj.get("spec") or {}, (obj.get("spec") or {}).get("type")
    annotations = obj["metadata"].get("annotations") or {}
    if {_HINTS, _MODE} <= annotations.keys() and annotations[_HINTS] != annotations[_MODE]:
        detail = f"must match annotations[{_HINTS}] when both are specified"
        yield invalid(f"metadata.annotations[{_MODE}]", annotations[_MODE], detail)
    ports, headless = spec.get("ports") or [], _is_headless(spec)
    if not ports and not headless and kind != "ExternalName":
        yield required("spec.ports")
    if headless and kind in ("LoadBalancer", "NodePort"):
        detail = f"may not be set to 'None' for {kind} services"
        yield invalid("spec.clusterIPs[0]", "None", detail)
    if kind == "ExternalName":
        yield from _external_name(spec)
    seen: set[str] = set()
    for i, port in enumerate(ports):
        yield from _port(port, f"spec.ports[{i}]", seen, name_needed=len(ports) > 1)
    if selector := spec.get("selector"):
        yield from label_map(selector, "spec.selector")
    yield from _affinity(spec)
    if kind != "ExternalName":
        yield from _addresses(spec)
    for i, value in enumerate(spec.get("externalIPs") or ()):
        where = f"spec.externalIPs[{i}]"
        refused = list(address(value, where)) or list(ordinary_address(value, where))
        yield from refused
    yield from one_of(kind, "spec.type", _TYPES)
    yield from _apart(ports, kind)
    yield from _balancer(spec, annotations)
    yield from _traffic(spec)


def _is_headless(spec: Object) -> bool:
    return bool(spec.get("clusterIPs", [spec.get("clusterIP")]) == ["None"])


def _external_name(spec: Object) -> Causes:
    for field in ("clusterIPs", "ipFamilies", "ipFamilyPolicy"):
        if spec.get(field):
            yield forbidden(f"spec.{field}", "may not be set for ExternalName services")
    name = (spec.get("externalName") or "").removesuffix(".")
    if not name:
        yield required("spec.externalName")
    else:
        yield from well_formed(name, "spec.externalName", names.dns_subdomain_problems)


def _port(port: Object, at: str, seen: set[str], *, name_needed: bool) -> Causes:
    name = port.get("name") or ""
    if not name:
        if name_needed:
            yield required(f"{at}.name")
    else:
        yield from well_formed(name, f"{at}.name", names.dns_label_problems)
        if name in seen:
            yield duplicate(f"{at}.name", name)
        seen.add(name)
    yield from port_number(port.get("port", 0), f"{at}.port")
    yield from one_of(port.get("protocol"), f"{at}.protocol", PROTOCOLS)
    if (target := port.get("targetPort")) is not None:
        yield from port_number_or_name(target, f"{at}.targetPort")
    if (protocol := port.get("appProtocol")) is not None:
        yield from qualified(protocol, f"{at}.appProtocol")


def _affinity(spec: Object) -> Causes:
    kind, config = spec.get("sessionAffinity"), spec.get("sessionAffinityConfig")
    at = "spec.sessionAffinityConfig"
    yield from one_of(kind, "spec.sessionAffinity", ("ClientIP", "None"), optional=True)
    if kind == "ClientIP":
        client = (config or {}).get("clientIP")
        seconds = (client or {}).get("timeoutSeconds")
        for found, where in (
            (config, at),
            (client, f"{at}.clientIP"),
            (seconds, f"{at}.clientIP.timeoutSeconds"),
        ):
            if found is None:
                yield required(where, "when session affinity type is ClientIP")
                return
        if seconds is not None and not 0 < seconds <= _MOST_AFFINITY_SECONDS:
            detail = f"must be greater than 0 and less than {_MOST_AFFINITY_SECONDS}"
            yield invalid(f"{at}.clientIP.timeoutSeconds", seconds, detail)
    elif kind == "None" and config is not None:
        yield forbidden(at, "must not be set when session affinity is None")


def _addresses(spec: Object) -> Causes:
    """Cluster IPs, their families, and the policy that says how many there are."""
    first, listed = spec.get("clusterIP") or "", spec.get("clusterIPs") or []
    at, families = "spec.clusterIPs", spec.get("ipFamilies") or []
    if first and listed and listed[0] != first:
        yield invalid(at, listed, "first value must match `clusterIP`")
    elif not first and listed:
        yield invalid(at, listed, "must be empty when `clusterIP` is not specified")
    for i, family in enumerate(families):
        if family not in _FAMILIES:
            yield not_supported(f"spec.ipFamilies[{i}]", family, _FAMILIES)
        if family in families[:i]:
            yield duplicate(f"spec.ipFamilies[{i}]", family)
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in _FAMILY_POLICIES:
        yield not_supported("spec.ipFamilyPolicy", policy, _FAMILY_POLICIES)
    unfit = False
    for i, value in enumerate(listed):
        if i == 0 and value == "None":
            if len(listed) > 1:
                unfit = True
                yield invalid(at, listed, "'None' must be the first and only value")
            continue
        problems = list(address(value, f"{at}[{i}]"))
        unfit = unfit or bool(problems)
        yield from problems
    if len(listed) > 2:
        yield invalid(at, listed, "may only hold up to 2 values")
    if unfit or _is_headless(spec):
        return
    if len(listed) > 1 and len({_family(value) for value in listed}) != len(listed):
        yield invalid(at, listed, "may specify no more than one IP for each IP family")
    for i, (value, family) in enumerate(zip(listed, families, strict=False)):
        if family in _FAMILIES and _family(value) != family:
            detail = f"expected an {family} value as indicated by `ipFamilies[{i}]`"
            yield invalid(f"{at}[{i}]", value, detail)


def _family(value: str) -> str:
    found = parsed_address(value)
    return "" if found is None else f"IPv{found.version}"


def _apart(ports: list[Object], kind: str | None) -> Causes:
    """Each port, and each node port, once for each protocol."""
    seen_nodes: set[tuple[Any, int]] = set()
    seen: set[tuple[Any, Any]] = set()
    if kind == "ClusterIP":
        for i, port in enumerate(ports):
            if port.get("nodePort"):
                detail = "may not be used when `type` is 'ClusterIP'"
                yield forbidden(f"spec.ports[{i}].nodePort", detail)
    for i, port in enumerate(ports):
        if not port.get("nodePort"):
            continue
        key = (port.get("protocol"), port["nodePort"])
        if key in seen_nodes:
            yield duplicate(f"spec.ports[{i}].nodePort", port["nodePort"])
        seen_nodes.add(key)
    for i, port in enumerate(ports):
        pair = (port.get("protocol"), port.get("port"))
        if pair in seen:
            shown = {"port": port.get("port"), "protocol": port.get("protocol")}
            yield duplicate(f"spec.ports[{i}]", shown)
        seen.add(pair)


def _balancer(spec: Object, annotations: Object) -> Causes:
    """What only load balancers have."""
    balancer = spec.get("type") == "LoadBalancer"
    ranges = spec.get("loadBalancerSourceRanges") or ()
    at = "spec.LoadBalancerSourceRanges"
    if ranges:
        if not balancer:
            yield forbidden(at, _BALANCER_ONLY)
        for i, value in enumerate(ranges):
            yield from network(value.strip(), f"{at}[{i}]")
    elif _RANGES in annotations:
        at = f"metadata.annotations[{_RANGES}]"
        if not balancer:
            yield forbidden(at, _BALANCER_ONLY)
        for value in annotations[_RANGES].split(",") if annotations[_RANGES].strip() else ():
            yield from network(value.strip(), at)
    if spec.get("allocateLoadBalancerNodePorts") is not None and not balancer:
        yield forbidden("spec.allocateLoadBalancerNodePorts", _BALANCER_ONLY)
    if (chosen := spec.get("loadBalancerClass")) is not None:
        if balancer:
            yield from qualified(chosen, "spec.loadBalancerClass")
        else:
            yield forbidden("spec.loadBalancerClass", _BALANCER_ONLY)


def needs_health_check(spec: Object) -> bool:
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def _traffic(spec: Object) -> Causes:
    kind, external = spec.get("type"), spec.get("externalTrafficPolicy") or ""
    reachable = kind in ("NodePort", "LoadBalancer") or bool(
        kind == "ClusterIP" and spec.get("externalIPs")
    )
    if external and not reachable:
        detail = "may only be set for externally-accessible services"
        yield invalid("spec.externalTrafficPolicy", external, detail)
    elif external and external not in _POLICIES:
        yield not_supported("spec.externalTrafficPolicy", external, _POLICIES)
    health = spec.get("healthCheckNodePort")
    if health and not needs_health_check(spec):
        detail = (
            "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
        )
        yield invalid("spec.healthCheckNodePort", health, detail)
    elif health:
        yield from port_number(health, "spec.healthCheckNodePort")
    internal = spec.get("internalTrafficPolicy")
    yield from one_of(internal, "spec.internalTrafficPolicy", _POLICIES, optional=True)
    distribution = spec.get("trafficDistribution")
    if distribution is not None and distribution not in _DISTRIBUTIONS:
        yield not_supported("spec.trafficDistribution", distribution, _DISTRIBUTIONS)


def update(new: Object, old: Object) -> Causes:
    """Addresses and families stay, unless the service becomes an ExternalName or was one."""
    spec, before = new.get("spec") or {}, old.get("spec") or {}
    if "ExternalName" not in (spec.get("type"), before.get("type")):
        yield from _addresses_kept(spec, before)
        yield from _families_kept(spec, before)
    if spec.get("type") == before.get("type") == "LoadBalancer":
        chosen, had = spec.get("loadBalancerClass"), before.get("loadBalancerClass")
        if chosen != had:
            yield invalid("spec.loadBalancerClass", chosen, "may not change once set")
    both = needs_health_check(spec) and needs_health_check(before)
    if both and spec.get("healthCheckNodePort") != before.get("healthCheckNodePort"):
        yield forbidden("spec.healthCheckNodePort", "field is immutable")
    yield from validate(new)


def _addresses_kept(spec: Object, before: Object) -> Causes:
    now, was = spec.get("clusterIPs") or [], before.get("clusterIPs") or []
    if now == was or (now == ["None"] and was == ["None"]) or not was:
        return
    at = "spec.clusterIPs"
    if not now:
        yield invalid(f"{at}[0]", now, "primary clusterIP can not be unset")
    elif len(now) == len(was):
        for i, (value, had) in enumerate(zip(now, was, strict=True)):
            if value != had:
                yield invalid(f"{at}[{i}]", now, "may not change once set")
    else:
        if now[0] != was[0]:
            yield invalid(f"{at}[0]", now, "may not change once set")
        policy = spec.get("ipFamilyPolicy")
        if len(now) < len(was) and policy != "SingleStack":
            detail = "must be set to 'SingleStack' when releasing the secondary clusterIP"
            yield invalid("spec.ipFamilyPolicy", policy, detail)


def _families_kept(spec: Object, before: Object) -> Causes:
    now, was = spec.get("ipFamilies") or [], before.get("ipFamilies") or []
    if _is_headless(spec) or _is_headless(before) or not now or not was:
        return
    at, stays = "spec.ipFamilies[0]", "may not change once set"
    if len(now) == len(was):
        for _ in filter(None, (a != b for a, b in zip(now, was, strict=True))):
            yield invalid(at, now, stays)
    elif now[0] != was[0]:
        yield invalid(at, spec.get("clusterIPs"), stays)
    policy = spec.get("ipFamilyPolicy")
    if len(now) < len(was) and policy != "SingleStack":
        detail = "must be set to 'SingleStack' when releasing the secondary ipFamily"
        yield invalid("spec.ipFamilyPolicy", policy, detail)


def status_update(new: Object, old: Object) -> Causes:
    balancer = (new.get("status") or {}).get("loadBalancer") or {}
    at = "status.loadBalancer.ingress"
    entries = balancer.get("ingress") or ()
    if entries and (new.get("spec") or {}).get("type") != "LoadBalancer":
        yield forbidden(at, "may only be used when `spec.type` is 'LoadBalancer'")
        return
    for i, entry in enumerate(entries):
        yield from ingress_point(entry, f"{at}[{i}]")
        mode, ip = entry.get("ipMode"), entry.get("ip")
        if mode is not None and not ip:
            yield forbidden(f"{at}[{i}].ipMode", "may not be specified when `ip` is not set")
        elif mode is not None and mode not in ("Proxy", "VIP"):
            yield not_supported(f"{at}[{i}].ipMode", mode, ("Proxy", "VIP"))


def ingress_point(entry: Object, at: str) -> Causes:
    """Where a load balancer is to be reached."""
    if ip := entry.get("ip"):
        yield from address(ip, f"{at}.ip")
    if name := entry.get("hostname"):
        yield from well_formed(name, f"{at}.hostname", names.dns_subdomain_problems)
        if parsed_address(name) is not None:
            yield invalid(f"{at}.hostname", name, "must be a DNS name, not an IP address")
