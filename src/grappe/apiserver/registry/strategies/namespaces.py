"""Namespaces: they stay until the namespace controller has emptied them."""

from __future__ import annotations

from grappe.api import Object
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.strategies.base import Strategy, settle_only

_FINALIZER = "kubernetes"


class NamespaceStrategy(Strategy):
    returns_deleted = True

    def prepare_create(self, obj: Object, user: User) -> None:
        super().prepare_create(obj, user)
        metadata = obj["metadata"]
        metadata["labels"] = {
            **(metadata.get("labels") or {}),
            "kubernetes.io/metadata.name": metadata["name"],
        }
        finalizers = (obj.get("spec") or {}).get("finalizers") or []
        if _FINALIZER not in finalizers:
            finalizers = [*finalizers, _FINALIZER]
        obj["spec"] = {**(obj.get("spec") or {}), "finalizers": finalizers}

    def initial_status(self, obj: Object) -> Object:
        return {"phase": "Active"}

    def prepare(self, subresource: str, new: Object, old: Object) -> None:
        if subresource == "finalize":
            finalizers = (new.get("spec") or {}).get("finalizers")
            settle_only(new, old, "spec")
            new["spec"] = {"finalizers": finalizers} if finalizers else {}
        else:
            super().prepare(subresource, new, old)

    def prepare_update(self, new: Object, old: Object) -> None:
        """`spec.finalizers` change only through the finalize subresource."""
        super().prepare_update(new, old)
        labels = new["metadata"].get("labels") or {}
        new["metadata"]["labels"] = {
            **labels,
            "kubernetes.io/metadata.name": old["metadata"]["name"],
        }
        new["spec"] = old.get("spec", {})

    def marked(self, obj: Object) -> None:
        if obj["metadata"].get("deletionTimestamp"):
            obj["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}

    def holds_back(self, obj: Object) -> bool:
        return bool((obj.get("spec") or {}).get("finalizers"))
