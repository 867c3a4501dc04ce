"""Objects for the controllers' tests, with as little as a test needs to say."""

from __future__ import annotations

from typing import Any

from grappe.base.clock import rfc3339

Object = dict[str, Any]

NOW = 1_800_000_000.0


def at(seconds: float) -> str:
    """A time relative to NOW, as in an object."""
    return rfc3339(NOW + seconds)


def reference(owner: Object) -> Object:
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def pod(
    name: str = "p",
    *,
    owner: Object | None = None,
    labels: dict[str, str] | None = None,
    phase: str = "Running",
    ready: bool | float = False,
    deleting: bool = False,
    created: float = -100.0,
    annotations: dict[str, str] | None = None,
    restarts: int = 0,
    status: Object | None = None,
    **spec: Any,
) -> Object:
    """`ready`: whether, or since when (relative to NOW)."""
    meta: Object = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "labels": {"app": "a"} if labels is None else labels,
        "creationTimestamp": at(created),
    }
    if annotations:
        meta["annotations"] = annotations
    if owner is not None:
        meta["ownerReferences"] = [reference(owner)]
    if deleting:
        meta["deletionTimestamp"] = at(0)
    conditions = []
    if ready is not False:
        since = -50.0 if ready is True else ready
        conditions = [{"type": "Ready", "status": "True", "lastTransitionTime": at(since)}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {"containers": [{"name": "c"}], **spec},
        "status": {
            "phase": phase,
            "conditions": conditions,
            "containerStatuses": [{"name": "c", "restartCount": restarts}],
            **(status or {}),
        },
    }


def template(image: str = "app:1", labels: dict[str, str] | None = None) -> Object:
    return {
        "metadata": {"labels": {"app": "a"} if labels is None else labels},
        "spec": {"containers": [{"name": "c", "image": image}]},
    }


def replicaset(name: str = "web", *, replicas: int = 1, **more: Any) -> Object:
    meta = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": at(-1000),
    }
    meta.update(more.pop("metadata", {}))
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": meta,
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "a"}},
            "template": template(),
            **more.pop("spec", {}),
        },
        "status": more.pop("status", {}),
    }


def deployment(
    name: str = "web", *, replicas: int = 1, image: str = "app:1", **more: Any
) -> Object:
    meta = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": at(-1000),
    }
    meta.update(more.pop("metadata", {}))
    spec: Object = {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": "a"}},
        "template": template(image),
        "progressDeadlineSeconds": 600,
        "revisionHistoryLimit": 10,
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": "25%"},
        },
    }
    spec.update(more.pop("spec", {}))
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": spec,
        "status": more.pop("status", {}),
    }


def job(name: str = "task", **more: Any) -> Object:
    meta = {
        "name": name,
        "namespace": "default",
        "uid": f"uid-{name}",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": at(-10),
    }
    meta.update(more.pop("metadata", {}))
    spec: Object = {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 6,
        "completionMode": "NonIndexed",
        "suspend": False,
        "selector": {"matchLabels": {"app": "a"}},
        "template": template(),
    }
    status = more.pop("status", {})
    spec.update(more)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {k: v for k, v in spec.items() if v is not None},
        "status": status,
    }
