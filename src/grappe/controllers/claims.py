"""Which objects an owner manages: adopt what matches and has no controller, release what does
not match any more.

Rule: https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#non-template-pod-acquisitions
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import PODS, Resource
from grappe.api.selectors import LabelSelector, label_selector_from_object
from grappe.client.interface import Client
from grappe.controllers.own_writes import OwnWrites
from grappe.controllers.pods import slim_pod
from grappe.reconcile.owners import controller_of, owner_reference


@dataclass(frozen=True, slots=True)
class Claim:
    """`owned` stays; `adopt` becomes owned; `release` does not stay."""

    owned: tuple[Object, ...] = ()
    adopt: tuple[Object, ...] = ()
    release: tuple[Object, ...] = field(default=())


def claim(owner: Object, selector: LabelSelector, candidates: Iterable[Object]) -> Claim:
    """Sort the candidates. An owner that is being deleted adopts and releases nothing."""
    uid = owner["metadata"]["uid"]
    going = bool(owner["metadata"].get("deletionTimestamp"))
    owned, adopt, release = [], [], []
    for obj in candidates:
        controller = controller_of(obj)
        matches = selector.matches(obj["metadata"].get("labels"))
        if controller is not None:
            if controller["uid"] != uid:
                continue
            if matches:
                owned.append(obj)
            elif not going:
                release.append(obj)
        elif matches and not going and not obj["metadata"].get("deletionTimestamp"):
            adopt.append(obj)
    return Claim(tuple(owned), tuple(adopt), tuple(release))


async def owned_pods(
    client: Client,
    resource: Resource,
    owner: Object,
    own: OwnWrites,
    candidates: Iterable[Object],
    finalizer: str = "",
) -> list[Object]:
    """The pods an owner manages now: adopted and released as its selector says. `own` is told of
    what that wrote. `finalizer` is one that the owner's pods carry and others do not."""
    selector = label_selector_from_object(owner["spec"].get("selector"))
    found = claim(owner, selector, candidates)
    adopted, released = await settle(client, resource, owner, PODS, found, finalizer)
    for pod in (*adopted, *released):
        own.wrote(owner["metadata"]["uid"], slim_pod(pod))
    return [*found.owned, *map(slim_pod, adopted)]


async def settle(
    client: Client,
    owner_resource: Resource,
    owner: Object,
    resource: Resource,
    found: Claim,
    finalizer: str = "",
) -> tuple[list[Object], list[Object]]:
    """Adopt and release on the server; (adopted, released) as answered.

    Before adopting, the owner is read anew: one that is gone or being deleted must not adopt.
    """
    adopted: list[Object] = []
    released: list[Object] = []
    if found.adopt and await _is_alive(client, owner_resource, owner):
        taken: Object = {"ownerReferences": [owner_reference(owner)]}
        if finalizer:
            taken["finalizers"] = [finalizer]
        for obj in found.adopt:
            answer = await _patch_metadata(client, resource, obj, taken)
            if answer is not None:
                adopted.append(answer)
    left: Object = {"ownerReferences": [{"$patch": "delete", "uid": owner["metadata"]["uid"]}]}
    if finalizer:
        left["$deleteFromPrimitiveList/finalizers"] = [finalizer]
    for obj in found.release:
        answer = await _patch_metadata(client, resource, obj, left)
        if answer is not None:
            released.append(answer)
    return adopted, released


async def _is_alive(client: Client, resource: Resource, owner: Object) -> bool:
    meta = owner["metadata"]
    try:
        fresh = await client.get(resource, meta["name"], meta.get("namespace"))
    except ApiError as error:
        if error.code == 404:
            return False
        raise
    found = fresh["metadata"]
    return found["uid"] == meta["uid"] and not found.get("deletionTimestamp")


async def _patch_metadata(
    client: Client, resource: Resource, obj: Object, changes: Object
) -> Object | None:
    """The patched object; None when it is gone or another object by now."""
    meta = obj["metadata"]
    patch = {"metadata": {"uid": meta["uid"], **changes}}
    try:
        return await client.patch(
            resource,
            meta["name"],
            patch,
            meta.get("namespace"),
            patch_type="application/strategic-merge-patch+json",
        )
    except ApiError as error:
        if error.code in (404, 409, 422):
            return None
        raise
