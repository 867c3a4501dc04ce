"""How CustomResourceDefinitions themselves are written."""

from __future__ import annotations

from grappe.api import Object
from grappe.api.errors import Cause
from grappe.apiserver.crd.definition import CLEANUP_FINALIZER, Names
from grappe.apiserver.crd.status import terminating
from grappe.apiserver.crd.validation import (
    definition_problems,
    status_problems,
    update_problems,
)
from grappe.apiserver.http.messages import User
from grappe.apiserver.registry.strategies.base import Strategy


class DefinitionStrategy(Strategy):
    """A definition that is deleted stays until its objects are gone."""

    generation = True

    def prepare_create(self, obj: Object, user: User) -> None:
        complete(obj)
        super().prepare_create(obj, user)

    def initial_status(self, obj: Object) -> Object:
        versions = (obj.get("spec") or {}).get("versions") or ()
        return {
            "conditions": None,
            "acceptedNames": {"plural": "", "kind": ""},
            "storedVersions": [v.get("name", "") for v in versions if v.get("storage")],
        }

    def prepare_update(self, new: Object, old: Object) -> None:
        complete(new)
        super().prepare_update(new, old)
        status = dict(new.get("status") or {})
        stored = list(status.get("storedVersions") or ())
        for version in (new.get("spec") or {}).get("versions") or ():
            if version.get("storage") and version.get("name") not in stored:
                stored.append(version["name"])
        new["status"] = {**status, "storedVersions": stored}

    def validate_create(self, obj: Object) -> list[Cause]:
        return definition_problems(obj)

    def validate_update(self, new: Object, old: Object) -> list[Cause]:
        if new.get("spec") == old.get("spec"):
            return list(status_problems(new))
        return update_problems(new, old)

    def holds_back(self, obj: Object) -> bool:
        return not obj["metadata"].get("deletionTimestamp")

    def marked(self, obj: Object) -> None:
        metadata = obj["metadata"]
        since = metadata.get("deletionTimestamp")
        status = obj.get("status") or {}
        begun = any(c.get("type") == "Terminating" for c in status.get("conditions") or ())
        if not since or begun:
            return
        metadata["finalizers"] = [*(metadata.get("finalizers") or ()), CLEANUP_FINALIZER]
        obj["status"] = terminating(
            status,
            "InstanceDeletionPending",
            "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon",
            "True",
            since,
        )


def complete(obj: Object) -> None:
    """Defaults of `spec`, in place: singular and list names, the conversion."""
    spec = obj.get("spec")
    if not isinstance(spec, dict):
        return
    asked = spec.get("names")
    if isinstance(asked, dict):
        names = Names.of(asked)
        if names.singular:
            asked["singular"] = names.singular
        if names.list_kind:
            asked["listKind"] = names.list_kind
    if not spec.get("conversion"):
        spec["conversion"] = {"strategy": "None"}
