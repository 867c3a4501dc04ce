"""Protection of storage in use: a claim stays while a pod uses it, a volume while it is bound, an
attributes class while a claim or volume has it.

watches        persistentvolumeclaims, persistentvolumes, pods, volumeattributesclasses
writes         takes the finalizers kubernetes.io/pvc-protection, …/pv-protection, …/vac-protection
               away; gives the last to classes that lack it
never touches  other objects that are not being deleted

https://kubernetes.io/docs/concepts/storage/persistent-volumes/#storage-object-in-use-protection
https://kubernetes.io/docs/concepts/storage/volume-attributes-classes/
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
_CLASS_FINALIZER = "kubernetes.io/vac-protection"


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


def classes_of(obj: Object) -> Iterable[str]:
    """The names of the attributes classes a claim has, asks for or is being given, or that a volume
    has."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    yield spec.get("volumeAttributesClassName") or ""
    yield status.get("currentVolumeAttributesClassName") or ""
    yield (status.get("modifyVolumeStatus") or {}).get("targetVolumeAttributesClassName") or ""


def build_claims(context: Context) -> Controller:
    return ClaimProtection(context).controller


def build_volumes(context: Context) -> Controller:
    return VolumeProtection(context).controller


def build_classes(context: Context) -> Controller:
    return ClassProtection(context).controller


def _kind(name: str, api_version: str = "v1") -> Resource:
    found = builtin_kind(api_version, name)
    assert found is not None
    return found


async def _release(
    context: Context, resource: Resource, obj: Object, finalizer: str, namespace: str | None
) -> None:
    kept = [f for f in obj["metadata"]["finalizers"] if f != finalizer]
    await _set_finalizers(context, resource, obj, kept, namespace)


async def _set_finalizers(
    context: Context, resource: Resource, obj: Object, finalizers: list[str], namespace: str | None
) -> None:
    metadata = obj["metadata"]
    patch = {"metadata": {"resourceVersion": metadata["resourceVersion"], "finalizers": finalizers}}
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


class ClassProtection:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._resource = _kind("VolumeAttributesClass", "storage.k8s.io/v1")
        self._classes: Informer = context.informers.of(self._resource)
        self._users = (_kind("PersistentVolumeClaim"), _kind("PersistentVolume"))
        self.controller = Controller(
            "volumeattributesclass-protection-controller", reconcile=self.reconcile
        )
        self._classes.add_handler(self._class_changed)
        for users in self._users:
            context.informers.of(users).add_handler(self._user_changed)

    def _class_changed(self, event_type: EventType, found: Object, old: Object | None) -> None:
        if event_type != "DELETED":
            self.controller.enqueue_object(found)

    def _user_changed(self, event_type: EventType, user: Object, old: Object | None) -> None:
        named = {*classes_of(user), *(classes_of(old) if old else ())}
        for found in self._classes.list():
            if found["metadata"]["name"] in named and _going(found, _CLASS_FINALIZER):
                self.controller.enqueue_object(found)

    async def reconcile(self, key: Key) -> None:
        found = self._classes.get(None, key.name)
        if found is None:
            return
        metadata = found["metadata"]
        present = metadata.get("finalizers") or []
        if not metadata.get("deletionTimestamp"):
            if _CLASS_FINALIZER not in present:  # older than this protection
                wanted = [*present, _CLASS_FINALIZER]
                await _set_finalizers(self._context, self._resource, found, wanted, None)
        elif _CLASS_FINALIZER in present and not await self._used(key.name):
            await _release(self._context, self._resource, found, _CLASS_FINALIZER, None)

    async def _used(self, name: str) -> bool:
        """By what the server has: a claim may have come just now."""
        for users in self._users:
            found = await self._context.client.list(users)
            if any(name in classes_of(user) for user in found.items):
                return True
        return False
