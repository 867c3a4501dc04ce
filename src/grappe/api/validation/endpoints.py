"""Endpoints and EndpointSlices."""

from __future__ import annotations

from typing import Any

from grappe.api import Object, names
from grappe.api.causes import duplicate, invalid, required, too_many
from grappe.api.validation.rules import (
    PROTOCOLS,
    Causes,
    address,
    immutable,
    label_map,
    one_of,
    ordinary_address,
    parsed_address,
    port_number,
    qualified,
    well_formed,
)

_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")
_MOST_ENDPOINTS, _MOST_ADDRESSES, _MOST_PORTS = 1000, 100, 20_000
_MOST_TOPOLOGY, _MOST_HINTS = 16, 8


def endpoints(obj: Object) -> Causes:
    for i, subset in enumerate(obj.get("subsets") or ()):
        at = f"subsets[{i}]"
        if not subset.get("addresses") and not subset.get("notReadyAddresses"):
            yield required(at, "must specify `addresses` or `notReadyAddresses`")
        for part in ("addresses", "notReadyAddresses"):
            for j, found in enumerate(subset.get(part) or ()):
                yield from _address(found, f"{at}.{part}[{j}]")
        ports = subset.get("ports") or ()
        for j, port in enumerate(ports):
            yield from _port(port, f"{at}.ports[{j}]", name_needed=len(ports) > 1)


def _address(found: Object, at: str) -> Causes:
    ip = found.get("ip") or ""
    yield from address(ip, f"{at}.ip")
    if name := found.get("hostname"):
        yield from well_formed(name, f"{at}.hostname", names.dns_label_problems)
    if (node := found.get("nodeName")) is not None:
        yield from well_formed(node, f"{at}.nodeName", names.dns_subdomain_problems)
    yield from ordinary_address(ip, f"{at}.ip", loopback=True)


def _port(port: Object, at: str, *, name_needed: bool) -> Causes:
    if name := port.get("name"):
        yield from well_formed(name, f"{at}.name", names.dns_label_problems)
    elif name_needed:
        yield required(f"{at}.name")
    yield from port_number(port.get("port", 0), f"{at}.port")
    yield from one_of(port.get("protocol"), f"{at}.protocol", PROTOCOLS)
    if (protocol := port.get("appProtocol")) is not None:
        yield from qualified(protocol, f"{at}.appProtocol")


def endpoint_slice(obj: Object) -> Causes:
    family = obj.get("addressType") or ""
    yield from one_of(family, "addressType", _ADDRESS_TYPES)
    found = obj.get("endpoints") or []
    if len(found) > _MOST_ENDPOINTS:
        yield too_many("endpoints", len(found), _MOST_ENDPOINTS)
    else:
        for i, endpoint in enumerate(found):
            yield from _endpoint(endpoint, f"endpoints[{i}]", family)
    ports = obj.get("ports") or []
    if len(ports) > _MOST_PORTS:
        yield too_many("ports", len(ports), _MOST_PORTS)
        return
    seen: set[str] = set()
    for i, port in enumerate(ports):
        yield from _slice_port(port, f"ports[{i}]", seen)


def _slice_port(port: Object, at: str, seen: set[str]) -> Causes:
    name = port.get("name") or ""
    if name:
        yield from well_formed(name, f"{at}.name", names.dns_label_problems)
    if name in seen:
        yield duplicate(f"{at}.name", name)
    seen.add(name)
    yield from one_of(port.get("protocol"), f"{at}.protocol", PROTOCOLS)
    if (protocol := port.get("appProtocol")) is not None:
        yield from qualified(protocol, f"{at}.appProtocol")


def _endpoint(endpoint: Object, at: str, family: str) -> Causes:
    listed = endpoint.get("addresses") or []
    where = f"{at}.addresses"
    if not listed:
        yield required(where, "must contain at least 1 address")
    elif len(listed) > _MOST_ADDRESSES:
        yield too_many(where, len(listed), _MOST_ADDRESSES)
    for i, value in enumerate(listed):
        yield from _of_family(value, f"{where}[{i}]", family)
    topology = endpoint.get("deprecatedTopology") or {}
    if topology:
        place = f"{at}.deprecatedTopology"
        if len(topology) > _MOST_TOPOLOGY:
            yield too_many(place, len(topology), _MOST_TOPOLOGY)
        yield from label_map(topology, place)
        if "kubernetes.io/hostname" in topology:
            key = f"{place}[kubernetes.io/hostname]"
            yield invalid(key, topology["kubernetes.io/hostname"], "use nodeName instead")
    if (name := endpoint.get("hostname")) is not None:
        yield from well_formed(name, f"{at}.hostname", names.dns_label_problems)
    if (node := endpoint.get("nodeName")) is not None:
        yield from well_formed(node, f"{at}.nodeName", names.dns_subdomain_problems)
    hints = endpoint.get("hints") or {}
    for field in ("forZones", "forNodes"):
        yield from _hints(hints.get(field) or (), f"{at}.hints.{field}")


def _hints(hints: Any, at: str) -> Causes:
    if len(hints) > _MOST_HINTS:
        yield too_many(at, len(hints), _MOST_HINTS)
        return
    seen: set[str] = set()
    for i, hint in enumerate(hints):
        name = hint.get("name") or ""
        if name in seen:
            yield duplicate(f"{at}[{i}].name", name)
        seen.add(name)
        yield from well_formed(name, f"{at}[{i}].name", names.label_value_problems)


def _of_family(value: str, at: str, family: str) -> Causes:
    if family == "FQDN":
        bare = value.removesuffix(".")
        yield from well_formed(bare, at, names.dns_subdomain_problems)
        if "." not in bare:
            detail = "should be a domain with at least two segments separated by dots"
            yield invalid(at, value, detail)
    elif family in ("IPv4", "IPv6"):
        found = parsed_address(value)
        if found is None or f"IPv{found.version}" != family:
            yield invalid(at, value, f"must be a valid {family} address")
        yield from ordinary_address(value, at, loopback=True)


def endpoint_slice_update(new: Object, old: Object) -> Causes:
    yield from endpoint_slice(new)
    yield from immutable(new.get("addressType"), old.get("addressType"), "addressType")
