"""Protection of storage in use: a claim stays while a pod uses it, a volume while it is bound.

watches        persistentvolumeclaims, persistentvolumes, pods
writes         takes the finalizers kubernetes.io/pvc-protection and …/pv-protection away
never touches  objects that are not being deleted

https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
"""

from __future__ import annotations

from collections.abc import Iterable

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import PODS, Resource, builtin_kind
from grappe.client.informer import EventType, Informer
from grappe.controllers.context import Context
from grappe.reconcile import Controller, Key

_CLAIM_FINALIZER = "kubernetes.io/pvc-protection"
_VOLUME_FINALIZER = "kubernetes.io/pv-protection"


def claims_of(pod: Object) -> Iterable[str]:
    """The names of the claims a pod uses."""
    for volume in pod["spec"].get("volumes") or ():
        if volume.get("persistentVolumeClaim"):
            yield volume["persistentVolumeClaim"].get("claimName") or ""
        elif volume.get("ephemeral"):
            yield f"{pod['metadata']['name']}-{volume['name']}"


def uses(pod: Object, claim: str) -> bool:
    """Whether a pod holds a claim: it does until it has ended; one without a node only as long as
    it may still get one."""
    if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
        return False
    return claim in claims_of(pod)


def build_claims(context: Context) -> Controller:
    return ClaimProtection(context).controller


def build_volumes(context: Context) -> Controller:
    return VolumeProtection(context).controller


def _kind(name: str) -> Resource:
    found = builtin_kind("v1", name)
    assert found is not None
    return found


async def _release(
    context: Context, resource: Resource, obj: Object, finalizer: str, namespace: str | None
) -> None:
    metadata = obj["metadata"]
    patch = {
        "metadata": {
            "resourceVersion": metadata["resourceVersion"],
            "finalizers": [f for f in metadata["finalizers"] if f != finalizer],
        }
    }
    try:
        await context.client.patch(resource, metadata["name"], patch, namespace)
    except ApiError as error:
        if error.code not in (404, 409):  # changed: it will be looked at again
            raise


def _going(obj: Object | None, finalizer: str) -> bool:
    metadata = (obj or {}).get("metadata") or {}
    return bool(metadata.get("deletionTimestamp")) and finalizer in (
        metadata.get("finalizers") or ()
    )


class ClaimProtection:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._resource = _kind("PersistentVolumeClaim")
        self._claims: Informer = context.informers.of(self._resource)
        self._pods: Informer = context.informers.of(PODS)
        self.controller = Controller("pvc-protection-controller", reconcile=self.reconcile)
        self._claims.add_handler(self._claim_changed)
        self._pods.add_handler(self._pod_changed)

    def _claim_changed(self, event_type: EventType, claim: Object, old: Object | None) -> None:
        if event_type != "DELETED" and _going(claim, _CLAIM_FINALIZER):
            self.controller.enqueue_object(claim)

    def _pod_changed(self, event_type: EventType, pod: Object, old: Object | None) -> None:
        for claim in self._claims.list(pod["metadata"]["namespace"]):
            if _going(claim, _CLAIM_FINALIZER):
                self.controller.enqueue_object(claim)

    async def reconcile(self, key: Key) -> None:
        claim = self._claims.get(*key)
        if claim is None or not _going(claim, _CLAIM_FINALIZER):
            return
        # The server's own pods: one may have come just now.
        pods = (await self._context.client.list(PODS, key.namespace)).items
        if not any(uses(pod, key.name) for pod in pods):
            await _release(self._context, self._resource, claim, _CLAIM_FINALIZER, key.namespace)


class VolumeProtection:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._resource = _kind("PersistentVolume")
        self._volumes: Informer = context.informers.of(self._resource)
        self.controller = Controller("pv-protection-controller", reconcile=self.reconcile)
        self._volumes.add_handler(self._volume_changed)

    def _volume_changed(self, event_type: EventType, volume: Object, old: Object | None) -> None:
        if event_type != "DELETED" and _going(volume, _VOLUME_FINALIZER):
            self.controller.enqueue_object(volume)

    async def reconcile(self, key: Key) -> None:
        volume = self._volumes.get(None, key.name)
        if volume is None or not _going(volume, _VOLUME_FINALIZER):
            return
        if (volume.get("status") or {}).get("phase") != "Bound":
            await _release(self._context, self._resource, volume, _VOLUME_FINALIZER, None)
