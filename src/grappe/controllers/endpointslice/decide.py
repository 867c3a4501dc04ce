"""Which slices a Service should have: a pure function of it, its pods and the present slices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
from grappe.reconcile.owners import owner_reference

SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
CONTROLLER_NAME = "endpointslice-controller.k8s.io"
ZONE = "topology.kubernetes.io/zone"
MOST = 100
"""Endpoints in one slice."""

_RESERVED = (SERVICE_NAME, MANAGED_BY, HEADLESS)


@dataclass(frozen=True, slots=True)
class World:
    """`zones` maps a node to its zone. `pods` may be any pods of the namespace."""

    service: Object
    pods: Sequence[Object]
    slices: Sequence[Object]
    zones: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Plan:
    """Slices to write. Those to update carry the resource version they were read at."""

    create: tuple[Object, ...] = ()
    update: tuple[Object, ...] = ()
    delete: tuple[Object, ...] = ()


@dataclass(slots=True)
class _Group:
    """Endpoints that share their ports and address type."""

    address_type: str
    ports: list[Object] | None
    endpoints: dict[str, Object]


def decide(world: World) -> Plan:
    """Keep endpoints in the slices they are in, so that a change of one touches one slice."""
    groups = _groups(world)
    create: list[Object] = []
    update: list[Object] = []
    used: set[str] = set()
    labels = _labels(world.service)
    for group in groups.values():
        present = [
            s
            for s in world.slices
            if s["addressType"] == group.address_type and _same_ports(s.get("ports"), group.ports)
        ]
        kept, contents = _distribute(group, present)
        for obj, endpoints in zip(kept, contents, strict=False):
            used.add(obj["metadata"]["uid"])
            wanted = _updated(obj, endpoints, labels)
            if wanted is not None:
                update.append(wanted)
        create += [
            _made(world.service, group, endpoints, labels) for endpoints in contents[len(kept) :]
        ]
    delete = [s for s in world.slices if s["metadata"]["uid"] not in used]
    return Plan(tuple(create), tuple(update), tuple(delete))


def families(service: Object) -> Sequence[str]:
    """The address families of a Service's endpoints."""
    return service["spec"].get("ipFamilies") or ("IPv4",)


def _groups(world: World) -> Mapping[tuple[str, str], _Group]:
    groups: dict[tuple[str, str], _Group] = {}
    for pod in selected(world.service, world.pods):
        ports = ports_on(world.service, pod)
        if not ports and world.service["spec"].get("ports"):
            continue  # it has none of the Service's ports
        for family in families(world.service):
            for ip in addresses(pod, family)[:1]:
                key = (family, orjson.dumps(ports).decode())
                group = groups.setdefault(key, _Group(family, ports, {}))
                group.endpoints[pod["metadata"]["uid"]] = _endpoint(world, pod, ip)
    for family in families(world.service):
        if not any(group.address_type == family for group in groups.values()):
            # A Service without endpoints has an empty slice, which says that it is looked after.
            groups[family, ""] = _Group(family, None, {})
    return groups


def _endpoint(world: World, pod: Object, ip: str) -> Object:
    serving, terminating = is_ready(pod), is_terminating(pod)
    published = bool(world.service["spec"].get("publishNotReadyAddresses"))
    made: Object = {
        "addresses": [ip],
        "conditions": {
            "ready": published or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "targetRef": reference(pod),
    }
    name = hostname(world.service, pod)
    if name:
        made["hostname"] = name
    node = pod["spec"].get("nodeName")
    if node:
        made["nodeName"] = node
        if world.zones.get(node):
            made["zone"] = world.zones[node]
    return made


def _same_ports(present: Sequence[Object] | None, wanted: Sequence[Object] | None) -> bool:
    def plain(ports: Sequence[Object] | None) -> list[Object]:
        return [{**p, "name": p.get("name") or ""} for p in ports or ()]

    return plain(present) == plain(wanted)


def _distribute(
    group: _Group, present: Sequence[Object]
) -> tuple[list[Object], list[list[Object]]]:
    """The slices to keep and the endpoints of each; contents beyond them need new slices."""
    needed = max(1, -(-len(group.endpoints) // MOST))
    kept = sorted(present, key=lambda s: (-len(s.get("endpoints") or ()), s["metadata"]["name"]))
    kept = kept[:needed]
    left = dict(group.endpoints)
    contents: list[list[Object]] = []
    for obj in kept:
        staying = []
        for endpoint in obj.get("endpoints") or ():
            wanted = left.pop((endpoint.get("targetRef") or {}).get("uid", ""), None)
            if wanted is not None:
                staying.append(wanted)
        contents.append(staying[:MOST])
    waiting = [*left.values()]
    for content in contents:
        while waiting and len(content) < MOST:
            content.append(waiting.pop(0))
    contents += [waiting[i : i + MOST] for i in range(0, len(waiting), MOST)]
    if not contents:
        contents.append([])
    return kept, contents


def _labels(service: Object) -> dict[str, str]:
    meta = service["metadata"]
    labels = {k: v for k, v in (meta.get("labels") or {}).items() if k not in _RESERVED}
    labels |= {SERVICE_NAME: meta["name"], MANAGED_BY: CONTROLLER_NAME}
    if is_headless(service):
        labels[HEADLESS] = ""
    return labels


def _made(
    service: Object, group: _Group, endpoints: list[Object], labels: Mapping[str, str]
) -> Object:
    meta = service["metadata"]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "generateName": f"{meta['name']}-",
            "namespace": meta["namespace"],
            "labels": dict(labels),
            "ownerReferences": [owner_reference(service)],
        },
        "addressType": group.address_type,
        "endpoints": endpoints,
        "ports": group.ports,
    }


def _updated(obj: Object, endpoints: list[Object], labels: Mapping[str, str]) -> Object | None:
    same = (obj.get("endpoints") or []) == endpoints
    if same and (obj["metadata"].get("labels") or {}) == labels:
        return None
    return {
        **obj,
        "metadata": {**obj["metadata"], "labels": dict(labels)},
        "endpoints": endpoints,
    }
