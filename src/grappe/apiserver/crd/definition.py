"""The parts of a CustomResourceDefinition that decide what is served; its schemas stay in bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from grappe.api import Object

CLEANUP_FINALIZER = "customresourcecleanup.apiextensions.k8s.io"


@dataclass(frozen=True, slots=True)
class Names:
    """`spec.names`, as asked for or as accepted."""

    plural: str = ""
    singular: str = ""
    kind: str = ""
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @classmethod
    def of(cls, names: Object) -> Names:
        kind = names.get("kind") or ""
        return cls(
            plural=names.get("plural") or "",
            singular=names.get("singular") or kind.lower(),
            kind=kind,
            list_kind=names.get("listKind") or (f"{kind}List" if kind else ""),
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
        )

    def to_object(self) -> Object:
        found: Object = {"plural": self.plural, "kind": self.kind}
        if self.singular:
            found["singular"] = self.singular
        if self.list_kind:
            found["listKind"] = self.list_kind
        if self.short_names:
            found["shortNames"] = list(self.short_names)
        if self.categories:
            found["categories"] = list(self.categories)
        return found


@dataclass(frozen=True, slots=True)
class Definition:
    """One CustomResourceDefinition. `revision` is its record's."""

    name: str
    uid: str
    revision: int
    group: str
    namespaced: bool
    names: Names
    versions: tuple[str, ...]
    storage_version: str
    terminating: bool
    finalizers: tuple[str, ...]
    approval: str | None
    status: Object

    @property
    def accepted(self) -> Names:
        """The names that were accepted before; all empty at first."""
        return Names.of(self.status.get("acceptedNames") or {})

    def condition(self, kind: str) -> str:
        """The status of a condition: True, False, Unknown, or empty when it is not there."""
        for condition in self.status.get("conditions") or ():
            if condition.get("type") == kind:
                return str(condition.get("status", ""))
        return ""


def read_definition(obj: Object, revision: int) -> Definition:
    """What a stored CustomResourceDefinition says."""
    metadata, spec = obj["metadata"], obj["spec"]
    versions: list[dict[str, Any]] = spec.get("versions") or []
    return Definition(
        name=metadata["name"],
        uid=metadata["uid"],
        revision=revision,
        group=spec.get("group") or "",
        namespaced=spec.get("scope") == "Namespaced",
        names=Names.of(spec.get("names") or {}),
        versions=tuple(version["name"] for version in versions),
        storage_version=next((v["name"] for v in versions if v.get("storage")), ""),
        terminating=bool(metadata.get("deletionTimestamp")),
        finalizers=tuple(metadata.get("finalizers") or ()),
        approval=(metadata.get("annotations") or {}).get("api-approved.kubernetes.io"),
        status=obj.get("status") or {},
    )
