"""The rules of `metadata` that hold for every kind.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/
"""

from __future__ import annotations

from typing import Any

from grappe.api import Object
from grappe.api.errors import (
    OBJECT_MODIFIED,
    Cause,
    bad_request,
    conflict,
    invalid,
)
from grappe.api.resources import Resource

SUFFIX_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Of generated names: no vowels, so that no words appear."""
SUFFIX_LENGTH = 5

_FOREGROUND = "foregroundDeletion"
_ORPHAN = "orphan"
# What a client may not bring along when it creates.
_SERVER_OWNED = (
    "selfLink",
    "uid",
    "resourceVersion",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)


def settle_namespace(obj: Object, resource: Resource, namespace: str) -> None:
    """Put the request's namespace into `obj`; ApiError 400 when it names another."""
    metadata = obj["metadata"]
    if not resource.namespaced:
        metadata.pop("namespace", None)
        return
    if not namespace:
        raise bad_request("an empty namespace may not be set during creation")
    said = metadata.get("namespace")
    if said and said != namespace:
        raise bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    metadata["namespace"] = namespace


def check_name(obj: Object, resource: Resource, namespace: str, name: str) -> None:
    """Hold an update's object to the URL; ApiError 400 when they disagree."""
    metadata = obj["metadata"]
    said = metadata.get("name")
    if not said:
        raise bad_request(
            f"the name of the object ({name} based on URL) was undeterminable: "
            "name must be provided"
        )
    if said != name:
        raise bad_request(
            f"the name of the object ({said}) does not match the name on the URL ({name})"
        )
    said = metadata.get("namespace")
    if resource.namespaced and said and said != namespace:
        raise bad_request(
            f"the namespace of the object ({said}) does not match the namespace on the request "
            f"({namespace})"
        )
    if resource.namespaced:
        metadata["namespace"] = namespace
    else:
        metadata.pop("namespace", None)


def stamp_new(obj: Object, uid: str, now: str) -> None:
    """Give a new object what the server decides; ApiError 400 when it claims to be an old one."""
    metadata = obj["metadata"]
    if metadata.get("resourceVersion") not in (None, "", "0"):
        raise bad_request("resourceVersion should not be set on objects to be created")
    for name in _SERVER_OWNED:
        metadata.pop(name, None)
    metadata["uid"] = uid
    metadata["creationTimestamp"] = now


def name_required(obj: Object, resource: Resource) -> None:
    """ApiError 422 unless there is a name or something to generate it from."""
    metadata = obj["metadata"]
    if not metadata.get("name") and not metadata.get("generateName"):
        message = "Required value: name or generateName is required"
        cause = Cause("metadata.name", "FieldValueRequired", message)
        raise invalid(resource.kind, "", [cause], resource.group)


def keep_identity(new: Object, old: Object) -> None:
    """Carry over what an update may not change, and what it leaves out."""
    metadata, before = new["metadata"], old["metadata"]
    metadata.pop("selfLink", None)
    for name in (
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "generateName",
    ):
        if name in before:
            metadata[name] = before[name]
        elif name != "generateName":
            metadata.pop(name, None)


def check_precondition(
    new: Object, old: Object, resource: Resource, *, unconditional: bool
) -> None:
    """Optimistic concurrency of an update: ApiError 409 when `new` was made from another state
    or another object of the same name, 422 when it must say from which and does not."""
    metadata, live = new["metadata"], old["metadata"]
    name = live["name"]
    uid = metadata.get("uid")
    if uid and uid != live["uid"]:
        why = f"Precondition failed: UID in precondition: {uid}, UID in object meta: {live['uid']}"
        raise conflict(resource.plural, name, why, resource.group)
    version = metadata.get("resourceVersion")
    if version in (None, "", "0"):
        if not unconditional:
            message = "Invalid value: 0x0: must be specified for an update"
            cause = Cause("metadata.resourceVersion", "FieldValueInvalid", message)
            raise invalid(resource.plural, name, [cause], resource.group)
    elif version != live["resourceVersion"]:
        raise conflict(resource.plural, name, OBJECT_MODIFIED, resource.group)


def forbid_new_finalizers(new: Object, old: Object, resource: Resource) -> None:
    """An object on its way out takes no more finalizers: ApiError 422."""
    if not old["metadata"].get("deletionTimestamp"):
        return
    before = old["metadata"].get("finalizers") or []
    added = [f for f in new["metadata"].get("finalizers") or [] if f not in before]
    if added:
        listed = ", ".join(f'"{f}"' for f in sorted(added))
        message = (
            f"Forbidden: no new finalizers can be added if the object is being deleted, "
            f"found new finalizers []string{{{listed}}}"
        )
        cause = Cause("metadata.finalizers", "FieldValueForbidden", message)
        raise invalid(resource.kind, new["metadata"]["name"], [cause], resource.group)


def name_owners_once(obj: Object, warnings: list[str]) -> None:
    """Drop owner references that repeat another one, and say so."""
    references = obj["metadata"].get("ownerReferences")
    if not references or len(references) < 2:
        return
    kept: list[Any] = []
    repeated = []
    for reference in references:
        if reference in kept:
            repeated.append(str(reference.get("uid")))
        else:
            kept.append(reference)
    if repeated:
        obj["metadata"]["ownerReferences"] = kept
        warnings.append(
            ".metadata.ownerReferences contains duplicate entries; API server dedups owner "
            "references in 1.20+, and may reject such requests as early as 1.24; please fix your "
            f"requests; duplicate UID(s) observed: {', '.join(repeated)}"
        )


def finalizers_for(propagation: str, finalizers: list[str], *, orphans: bool) -> list[str]:
    """The finalizers a deletion leaves on the object. Without a propagation policy those that
    are there already decide, then the kind: `orphans` leave their dependents behind."""
    if not propagation:
        if not orphans or _FOREGROUND in finalizers or _ORPHAN in finalizers:
            return finalizers
        propagation = "Orphan"
    kept = [f for f in finalizers if f not in (_FOREGROUND, _ORPHAN)]
    if propagation == "Foreground":
        kept.append(_FOREGROUND)
    elif propagation == "Orphan":
        kept.append(_ORPHAN)
    return kept


def without_times(managed: Any) -> Any:
    """managedFields as far as they say who owns what."""
    return [{k: v for k, v in entry.items() if k != "time"} for entry in managed or ()]
