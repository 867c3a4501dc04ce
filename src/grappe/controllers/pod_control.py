"""Creating and deleting pods for an owner, with the events people look for.

Rules: batches that begin with one pod and double, so that what fails for all (a quota, an
admission rule) is not tried a hundred times; nothing is made in a namespace that is ending.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import PODS
from grappe.client.interface import Client, TransportError
from grappe.controllers.own_writes import OwnWrites
from grappe.controllers.pods import slim_pod
from grappe.reconcile.events import Recorder
from grappe.reconcile.owners import owner_reference


def pod_from_template(template: Object, owner: Object) -> Object:
    """A pod of a `podTemplateSpec`, named after its owner and managed by it."""
    stated = template.get("metadata") or {}
    meta: Object = {
        "generateName": f"{owner['metadata']['name']}-",
        "namespace": owner["metadata"]["namespace"],
        "ownerReferences": [owner_reference(owner)],
    }
    for key in ("labels", "annotations", "finalizers"):
        if stated.get(key):
            meta[key] = type(stated[key])(stated[key])
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": template["spec"]}


def namespace_is_ending(error: ApiError) -> bool:
    """Whether a create was refused because its namespace is being deleted."""
    causes = (error.details or {}).get("causes") or ()
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes)


async def patch_pod_status(client: Client, pod: Object, status: Object) -> bool:
    """Merge conditions and fields into a pod's status; False when the pod is gone or another."""
    meta = pod["metadata"]
    try:
        await client.patch(
            PODS,
            meta["name"],
            {"metadata": {"uid": meta["uid"]}, "status": status},
            meta["namespace"],
            patch_type="application/strategic-merge-patch+json",
            subresource="status",
        )
    except ApiError as error:
        if error.code in (404, 409):
            return False
        raise
    return True


async def delete_pod(client: Client, pod: Object, grace_period: int | None = None) -> None:
    """Delete this very pod; it may be gone already."""
    meta = pod["metadata"]
    try:
        await client.delete(
            PODS, meta["name"], meta["namespace"], grace_period=grace_period, uid=meta["uid"]
        )
    except ApiError as error:
        if error.code not in (404, 409):
            raise


class PodControl:
    """Writes pods of one kind of owner."""

    def __init__(self, client: Client, recorder: Recorder, own: OwnWrites) -> None:
        self._client = client
        self._recorder = recorder
        self._own = own

    async def create(self, owner: Object, pods: Sequence[Object]) -> ApiError | None:
        """Create the pods in growing batches; after a batch with a failure no more are tried.

        Returns the first failure; None when all exist or the namespace is ending.
        """
        done, size = 0, 1
        while done < len(pods):
            batch = pods[done : done + size]
            results = await asyncio.gather(*(self._create(owner, pod) for pod in batch))
            failures = [error for error in results if error is not None]
            if failures:
                return None if namespace_is_ending(failures[0]) else failures[0]
            done += len(batch)
            size *= 2
        return None

    async def delete(self, owner: Object, pods: Sequence[Object]) -> ApiError | None:
        """Delete the pods, all at once; returns the first failure. One that is gone is none."""
        results = await asyncio.gather(*(self._delete(owner, pod) for pod in pods))
        return next((error for error in results if error is not None), None)

    async def _create(self, owner: Object, pod: Object) -> ApiError | None:
        try:
            created = await self._client.create(PODS, pod)
        except (ApiError, TransportError) as error:
            failure = _as_api_error(error)
            if not namespace_is_ending(failure):
                message = f"Error creating: {failure.message}"
                self._recorder.event(owner, "Warning", "FailedCreate", message)
            return failure
        self._own.wrote(owner["metadata"]["uid"], slim_pod(created))
        name = created["metadata"]["name"]
        self._recorder.event(owner, "Normal", "SuccessfulCreate", f"Created pod: {name}")
        return None

    async def _delete(self, owner: Object, pod: Object) -> ApiError | None:
        meta = pod["metadata"]
        try:
            await self._client.delete(PODS, meta["name"], meta["namespace"], uid=meta["uid"])
        except (ApiError, TransportError) as error:
            failure = _as_api_error(error)
            if failure.code in (404, 409):  # gone, or another pod of that name
                self._own.deleted(owner["metadata"]["uid"], pod)
                return None
            message = f"Error deleting: {failure.message}"
            self._recorder.event(owner, "Warning", "FailedDelete", message)
            return failure
        self._own.deleted(owner["metadata"]["uid"], pod)
        message = f"Deleted pod: {meta['name']}"
        self._recorder.event(owner, "Normal", "SuccessfulDelete", message)
        return None


def _as_api_error(error: ApiError | TransportError) -> ApiError:
    if isinstance(error, ApiError):
        return error
    return ApiError(503, "ServiceUnavailable", str(error))
