"""Owner references. https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/"""

from __future__ import annotations

from collections.abc import Iterable

from grappe.api import Object


def owner_reference(owner: Object, *, controller: bool = True, block: bool = True) -> Object:
    """The reference an object carries to its owner.

    `controller`: the owner manages it (an object has one such owner at most). `block`: deletion of
    the owner in the foreground waits for it.
    """
    meta = owner["metadata"]
    reference: Object = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": meta["name"],
        "uid": meta["uid"],
    }
    if controller:
        reference["controller"] = True
    if block:
        reference["blockOwnerDeletion"] = True
    return reference


def controller_of(obj: Object) -> Object | None:
    """The reference to the owner that manages the object."""
    for reference in obj["metadata"].get("ownerReferences") or ():
        if reference.get("controller"):
            found: Object = reference
            return found
    return None


def controller_uid(obj: Object) -> Iterable[str]:
    """An informer's index function: objects by the uid of the owner that manages them."""
    reference = controller_of(obj)
    return () if reference is None else (reference["uid"],)
