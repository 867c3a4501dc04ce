"""The Endpoints a Service should have: a pure function of it and its pods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson

from grappe.api import Object
from grappe.controllers.pods import is_ready, is_terminating
from grappe.controllers.service_pods import (
    HEADLESS,
    addresses,
    hostname,
    is_headless,
    ports_on,
    reference,
    selected,
)

MANAGED_BY = "endpoints.kubernetes.io/managed-by"
CONTROLLER_NAME = "endpoint-controller"
OVER_CAPACITY = "endpoints.kubernetes.io/over-capacity"
MOST = 1000
"""Addresses in one Endpoints object; beyond them it is cut and says so."""


def decide(service: Object, pods: Iterable[Object], present: Object | None) -> Object | None:
    """The object to write, or None when what is there is right."""
    wanted_subsets = subsets(service, pods)
    annotations = dict((present or {}).get("metadata", {}).get("annotations") or {})
    annotations.pop(OVER_CAPACITY, None)
    if _size(wanted_subsets) > MOST:
        wanted_subsets = _cut(wanted_subsets)
        annotations[OVER_CAPACITY] = "truncated"
    labels = {k: v for k, v in (service["metadata"].get("labels") or {}).items() if k != HEADLESS}
    labels[MANAGED_BY] = CONTROLLER_NAME
    if is_headless(service):
        labels[HEADLESS] = ""
    if present is not None:
        meta = present["metadata"]
        if (
            (present.get("subsets") or []) == wanted_subsets
            and (meta.get("labels") or {}) == labels
            and (meta.get("annotations") or {}) == annotations
        ):
            return None
    meta = dict((present or {}).get("metadata") or {})
    meta |= {
        "name": service["metadata"]["name"],
        "namespace": service["metadata"]["namespace"],
        "labels": labels,
    }
    if annotations:
        meta["annotations"] = annotations
    else:
        meta.pop("annotations", None)
    return {"apiVersion": "v1", "kind": "Endpoints", "metadata": meta, "subsets": wanted_subsets}


def subsets(service: Object, pods: Iterable[Object]) -> list[Object]:
    """Addresses grouped by the ports they have, in an order that does not depend on chance."""
    published = bool(service["spec"].get("publishNotReadyAddresses"))
    family = (service["spec"].get("ipFamilies") or ["IPv4"])[0]
    groups: dict[str, Object] = {}
    for pod in selected(service, pods):
        ips = addresses(pod, family)
        if not ips or (is_terminating(pod) and not published):
            continue
        ports = sorted(
            ({k: v for k, v in p.items() if v} for p in ports_on(service, pod)),
            key=lambda p: (p["port"], p["protocol"], p.get("name", "")),
        )
        if not ports and service["spec"].get("ports"):
            continue
        group = groups.setdefault(
            orjson.dumps(ports).decode(), {"addresses": [], "notReadyAddresses": [], "ports": ports}
        )
        ready = published or is_ready(pod)
        group["addresses" if ready else "notReadyAddresses"].append(_address(service, pod, ips[0]))
    return [_ordered(groups[key]) for key in sorted(groups)]


def _address(service: Object, pod: Object, ip: str) -> Object:
    made: Object = {"ip": ip}
    name = hostname(service, pod)
    if name:
        made["hostname"] = name
    if pod["spec"].get("nodeName"):
        made["nodeName"] = pod["spec"]["nodeName"]
    made["targetRef"] = reference(pod)
    return made


def _ordered(group: Object) -> Object:
    made: Object = {}
    for kind in ("addresses", "notReadyAddresses"):
        if group[kind]:
            made[kind] = sorted(group[kind], key=lambda a: (a["ip"], a["targetRef"]["uid"]))
    if group["ports"]:
        made["ports"] = group["ports"]
    return made


def _size(found: Sequence[Object]) -> int:
    return sum(len(s.get("addresses") or ()) + len(s.get("notReadyAddresses") or ()) for s in found)


def _cut(found: Sequence[Object]) -> list[Object]:
    """At most MOST addresses, the ready ones first."""
    left = MOST
    cut = [dict(subset) for subset in found]
    for kind in ("addresses", "notReadyAddresses"):
        for subset in cut:
            if kind in subset:
                subset[kind] = subset[kind][:left]
                left -= len(subset[kind])
                if not subset[kind]:
                    del subset[kind]
    return [s for s in cut if "addresses" in s or "notReadyAddresses" in s]
