"""The parts of a CustomResourceDefinition that decide what is served.

Read without its schemas, which are most of it: a definition may be half a megabyte, and a cluster
may have a hundred.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

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


class Version(msgspec.Struct, frozen=True, rename="camel"):
    """One of `spec.versions`, without its schema."""

    name: str
    served: bool = False
    storage: bool = False
    deprecated: bool = False
    deprecation_warning: str | None = None
    subresources: dict[str, Any] | None = None
    additional_printer_columns: list[dict[str, Any]] | None = None
    selectable_fields: list[dict[str, Any]] | None = None


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    uid: str
    generation: int = 0
    deletion_timestamp: str | None = None
    finalizers: tuple[str, ...] = ()
    annotations: dict[str, str] | None = None


class _Spec(msgspec.Struct):
    group: str
    names: dict[str, Any]
    scope: str
    versions: tuple[Version, ...]
    conversion: dict[str, Any] | None = None


class _Stored(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec
    status: dict[str, Any] | None = None


_decoder = msgspec.json.Decoder(_Stored)


@dataclass(frozen=True, slots=True)
class Definition:
    """One CustomResourceDefinition. `revision` is its record's, `generation` counts the changes
    of its spec, `defaulting` is whether a schema of it may have defaults."""

    name: str
    uid: str
    revision: int
    generation: int
    group: str
    namespaced: bool
    names: Names
    versions: tuple[Version, ...]
    terminating: bool
    finalizers: tuple[str, ...]
    approval: str | None
    webhook: Object | None
    """`spec.conversion.webhook`, where one converts between versions."""
    defaulting: bool
    status: Object

    @property
    def defaults_what_is_read(self) -> bool:
        """Whether a stored object may lack defaults of the version it is read in: it was written
        by an earlier schema, or by another version's."""
        return self.defaulting and (self.generation > 1 or len(self.versions) > 1)

    @property
    def storage_version(self) -> str:
        return next((version.name for version in self.versions if version.storage), "")

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


def _webhook(conversion: dict[str, Any]) -> Object | None:
    return conversion.get("webhook") or {} if conversion.get("strategy") == "Webhook" else None


def read_definition(text: bytes, revision: int) -> Definition:
    """What a stored CustomResourceDefinition (the JSON text of the whole object) says;
    msgspec.ValidationError when it is none."""
    found = _decoder.decode(text)
    metadata, spec = found.metadata, found.spec
    return Definition(
        name=metadata.name,
        uid=metadata.uid,
        revision=revision,
        generation=metadata.generation,
        group=spec.group,
        namespaced=spec.scope == "Namespaced",
        names=Names.of(spec.names),
        versions=spec.versions,
        terminating=bool(metadata.deletion_timestamp),
        finalizers=metadata.finalizers,
        approval=(metadata.annotations or {}).get("api-approved.kubernetes.io"),
        webhook=_webhook(spec.conversion or {}),
        defaulting=b'"default":' in text,
        status=found.status or {},
    )
