"""Pods and nodes for the scheduler's tests, with as little as a test needs to say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from grappe.scheduler.nodes import NodeInfo, Snapshot, node_info
from grappe.scheduler.pods import PodInfo, pod_info

Object = dict[str, Any]


def pod_object(
    name: str = "p",
    *,
    namespace: str = "default",
    cpu: str = "",
    memory: str = "",
    labels: dict[str, str] | None = None,
    owner: str = "",
    created: str = "2026-01-01T00:00:00Z",
    status: Object | None = None,
    host_port: int = 0,
    **spec: Any,
) -> Object:
    requests = {k: v for k, v in (("cpu", cpu), ("memory", memory)) if v}
    container: Object = {"name": "c", "image": "app:1", "resources": {"requests": requests}}
    if host_port:
        container["ports"] = [{"containerPort": 80, "hostPort": host_port, "protocol": "TCP"}]
    meta: Object = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{name}",
        "labels": labels or {},
        "creationTimestamp": created,
    }
    if owner:
        meta["ownerReferences"] = [{"uid": owner, "controller": True}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {"containers": [container], **spec},
        "status": status or {},
    }


def pod(name: str = "p", **kwargs: Any) -> PodInfo:
    return pod_info(pod_object(name, **kwargs))


def node_object(
    name: str = "n",
    *,
    cpu: str = "4",
    memory: str = "8Gi",
    pods: str = "110",
    labels: dict[str, str] | None = None,
    **spec: Any,
) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "labels": {"kubernetes.io/hostname": name, **(labels or {})},
        },
        "spec": spec,
        "status": {"allocatable": {"cpu": cpu, "memory": memory, "pods": pods}},
    }


def node(name: str = "n", *, holding: Iterable[PodInfo] = (), **kwargs: Any) -> NodeInfo:
    return node_info(node_object(name, **kwargs)).with_pods(holding)


def snapshot(*nodes: NodeInfo, **namespaces: dict[str, str]) -> Snapshot:
    return Snapshot(nodes, namespaces)
