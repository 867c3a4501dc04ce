"""The objects every cluster has, made on the first start and put right on each later one.

Namespaces, RBAC defaults, system priority classes, and the Services `kubernetes` and `kube-dns`.
What already exists is only touched where it is wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import orjson

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import Resource, builtin_kind
from grappe.apiserver.auth.rbac.default_roles import default_bindings, default_roles
from grappe.apiserver.auth.rbac.reconcile import completed
from grappe.apiserver.http.messages import Handler
from grappe.apiserver.loopback import Loopback
from grappe.base.config import ClusterConfig
from grappe.store.interface import Store

SYSTEM_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")

Correct = Callable[[Object, Object], Object | None]
"""(live, wanted) → what to write instead of the live object; None: it is right."""


async def bootstrap(config: ClusterConfig, store: Store, handler: Handler) -> None:
    """Make true what the default objects say. Idempotent; ApiError when a write is refused."""
    loopback = Loopback(handler)
    wanted = [
        *((obj, _only_missing) for obj in (*namespaces(), *priority_classes())),
        *((obj, completed) for obj in (*default_roles(), *default_bindings())),
        *((obj, _overlaid) for obj in services(config)),
    ]
    for of_namespaces in (False, True):  # what is in a namespace comes after it
        await asyncio.gather(
            *(
                _settle(store, loopback, obj, correct)
                for obj, correct in wanted
                if bool(obj["metadata"].get("namespace")) is of_namespaces
            )
        )


async def _settle(store: Store, loopback: Loopback, wanted: Object, correct: Correct) -> None:
    resource = builtin_kind(wanted["apiVersion"], wanted["kind"])
    assert resource is not None, wanted["kind"]
    live = _live(store, resource, wanted)
    if live is None:
        await loopback.create(resource, wanted)
        return
    if live["metadata"].get("deletionTimestamp"):
        return
    better = correct(live, wanted)
    if better is None:
        return
    try:
        await loopback.update(resource, better)
    except ApiError as error:
        if error.code != 422:
            raise
        # A field that may not change (a role reference, a cluster IP) is wrong: start over.
        metadata = wanted["metadata"]
        await loopback.delete(resource, metadata.get("namespace", ""), metadata["name"])
        await loopback.create(resource, wanted)


def _live(store: Store, resource: Resource, obj: Object) -> Object | None:
    metadata = obj["metadata"]
    name = metadata["name"]
    key = f"{metadata['namespace']}/{name}" if resource.namespaced else name
    record = store.get(resource.bucket, key)
    if record is None:
        return None
    found: Object = orjson.loads(b"{" + record.body)
    return {"kind": obj["kind"], "apiVersion": obj["apiVersion"], **found}


def _only_missing(live: Object, wanted: Object) -> None:
    return None


def _overlaid(live: Object, wanted: Object) -> Object | None:
    better = overlay(live, wanted)
    return None if better == live else better


def overlay(live: Object, wanted: Object) -> Object:
    """`live` with every value `wanted` says; objects are merged, lists are replaced unless each
    of their objects already says what is wanted."""
    found = dict(live)
    for name, value in wanted.items():
        have = live.get(name)
        if isinstance(value, dict) and isinstance(have, dict):
            found[name] = overlay(have, value)
        elif not (isinstance(value, list) and isinstance(have, list) and _says(have, value)):
            found[name] = value
    return found


def _says(have: list[object], wanted: list[object]) -> bool:
    return len(have) == len(wanted) and all(
        overlay(h, w) == h if isinstance(h, dict) and isinstance(w, dict) else h == w
        for h, w in zip(have, wanted, strict=True)
    )


# -- the objects -----------------------------------------------------------------------------------
def namespaces() -> Iterable[Object]:
    for name in SYSTEM_NAMESPACES:
        yield {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}


def priority_classes() -> Iterable[Object]:
    """https://kubernetes.io/docs/tasks/administer-cluster/guaranteed-scheduling-critical-addon-pods/"""
    for name, value, purpose in (
        (
            "system-cluster-critical",
            2_000_000_000,
            "For pods the cluster cannot do without, wherever they run.",
        ),
        (
            "system-node-critical",
            2_000_001_000,
            "For pods their node cannot do without; they never move.",
        ),
    ):
        yield {
            "kind": "PriorityClass",
            "apiVersion": "scheduling.k8s.io/v1",
            "metadata": {"name": name},
            "value": value,
            "description": purpose,
        }


def services(config: ClusterConfig) -> Iterable[Object]:
    """`kubernetes`, with the endpoint pods reach the API at, and `kube-dns`.

    Neither has a selector: the API server is no pod, and the node answers DNS itself.
    """
    address = "127.0.0.1" if config.simulate else config.host_ip
    home = {"name": "kubernetes", "namespace": "default"}
    yield {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {**home, "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {
            "type": "ClusterIP",
            "clusterIP": config.api_service_ip,
            "ports": [{"name": "https", "protocol": "TCP", "port": 443, "targetPort": config.port}],
        },
    }
    yield {
        "kind": "Endpoints",
        "apiVersion": "v1",
        "metadata": {**home, "labels": {"endpointslice.kubernetes.io/skip-mirror": "true"}},
        "subsets": [
            {
                "addresses": [{"ip": address}],
                "ports": [{"name": "https", "port": config.port, "protocol": "TCP"}],
            }
        ],
    }
    yield {
        "kind": "EndpointSlice",
        "apiVersion": "discovery.k8s.io/v1",
        "metadata": {**home, "labels": {"kubernetes.io/service-name": "kubernetes"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": config.port, "protocol": "TCP"}],
    }
    yield {
        "kind": "Service",
        "apiVersion": "v1",
        "metadata": {
            "name": "kube-dns",
            "namespace": "kube-system",
            "labels": {
                "k8s-app": "kube-dns",
                "kubernetes.io/cluster-service": "true",
                "kubernetes.io/name": "CoreDNS",
            },
        },
        "spec": {
            "type": "ClusterIP",
            "clusterIP": config.dns_ip,
            "ports": [
                {"name": "dns", "protocol": "UDP", "port": 53, "targetPort": 53},
                {"name": "dns-tcp", "protocol": "TCP", "port": 53, "targetPort": 53},
            ],
        },
    }
