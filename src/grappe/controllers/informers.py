"""One watch for each resource, shared by every controller of the process.

What is kept of a pod is only what controllers look at: with thousands of pods that is the
difference between megabytes and hundreds of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from grappe.api import Object
from grappe.api.resources import PODS, Resource
from grappe.client.informer import Informer, Transform, without_managed_fields
from grappe.client.interface import Client
from grappe.controllers.pods import slim_pod
from grappe.reconcile.owners import controller_of, controller_uid

CONTROLLER = "controller"
"""Index: the uid of the owner that manages the object."""
ORPHAN = "orphan"
"""Index: the namespace of an object that nobody manages."""
NAMESPACE = "namespace"
"""Index: the namespace."""
NODE = "node"
"""Index of pods: the node they are bound to."""


def _orphan_namespace(obj: Object) -> Iterable[str]:
    return () if controller_of(obj) else (obj["metadata"].get("namespace", ""),)


def _namespace(obj: Object) -> Iterable[str]:
    return (obj["metadata"].get("namespace", ""),)


def _node(obj: Object) -> Iterable[str]:
    name = obj["spec"].get("nodeName")
    return (name,) if name else ()


def with_label_selector(obj: Object) -> Object:
    """A ReplicationController with its selector, a plain map, in the form all other kinds have."""
    spec = obj["spec"]
    labels = spec.get("selector") or spec["template"]["metadata"]["labels"]
    kept = without_managed_fields(obj)
    return {**kept, "spec": {**spec, "selector": {"matchLabels": labels}}}


_INDEXES = {CONTROLLER: controller_uid, ORPHAN: _orphan_namespace, NAMESPACE: _namespace}
_TRANSFORMS: Mapping[str, Transform] = {
    PODS.bucket: slim_pod,
    "/replicationcontrollers": with_label_selector,
}


class SharedInformers:
    """Informers by resource, made when first asked for. Ask before `run`."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._informers: dict[tuple[str, str], Informer] = {}

    def of(self, resource: Resource, *, field_selector: str = "") -> Informer:
        """The informer of a resource, with the indexes above."""
        key = (resource.bucket, field_selector)
        found = self._informers.get(key)
        if found is None:
            indexes = {**_INDEXES, NODE: _node} if resource == PODS else _INDEXES
            found = self._informers[key] = Informer(
                self._client,
                resource,
                field_selector=field_selector,
                indexes=indexes if resource.namespaced else {},
                transform=_TRANSFORMS.get(resource.bucket, without_managed_fields),
            )
        return found

    def existing(self, resource: Resource) -> Informer | None:
        """The informer of all of a resource, if some controller has asked for it."""
        return self._informers.get((resource.bucket, ""))

    async def run(self) -> None:
        """Keep every copy true until cancelled."""
        async with asyncio.TaskGroup() as group:
            for informer in self._informers.values():
                group.create_task(informer.run(), name=f"informer {informer.resource.plural}")

    async def synced(self) -> None:
        """Wait until every copy holds its first list."""
        for informer in self._informers.values():
            await informer.synced.wait()
