"""From a definition to the resources it serves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property

from grappe.api import Object
from grappe.api.errors import Cause
from grappe.api.resources import ALL_VERBS, Resource
from grappe.api.schema import CustomSchema, Node, crd_schema
from grappe.apiserver.crd.columns import DEFAULT_COLUMNS
from grappe.apiserver.crd.definition import Definition, Names, Version
from grappe.apiserver.registry.interface import Converter, ScalePaths, ServedResource


class DeferredSchema:
    """A custom kind's schema, read when it is first needed: most definitions of a cluster are
    never used between one start and the next."""

    def __init__(self, load: Callable[[], Object | None]) -> None:
        self._load = load

    @cached_property
    def _schema(self) -> CustomSchema:
        return crd_schema(self._load())

    @property
    def openapi(self) -> Object:
        """The `openAPIV3Schema`, read anew: whoever makes documents needs it once."""
        return self._load() or {"type": "object"}

    @property
    def root(self) -> Node:
        return self._schema.root

    @property
    def has_rules(self) -> bool:
        return self._schema.has_rules

    def decode(self, obj: Object, *, keep_empty: bool = False) -> list[str]:
        return self._schema.decode(obj, keep_empty=keep_empty)

    def default(self, obj: Object) -> None:
        self._schema.default(obj)

    def check(self, obj: Object) -> list[Cause]:
        return self._schema.check(obj)

    def check_update(self, obj: Object, old: Object) -> list[Cause]:
        return self._schema.check_update(obj, old)


def served_versions(
    definition: Definition,
    names: Names,
    load_schema: Callable[[str], Object | None],
    conversion: Converter | None = None,
) -> Iterator[ServedResource]:
    """What `definition` serves under its accepted `names`. `load_schema` gives a version's
    `openAPIV3Schema`, `conversion` converts between them where a webhook does. A definition that
    is going away takes no new objects."""
    verbs = tuple(v for v in ALL_VERBS if v != "create" or not definition.terminating)
    for version in definition.versions:
        if version.served:
            yield _serve(definition, names, version, verbs, load_schema, conversion)


def _serve(
    definition: Definition,
    names: Names,
    version: Version,
    verbs: tuple[str, ...],
    load_schema: Callable[[str], Object | None],
    conversion: Converter | None,
) -> ServedResource:
    subresources = version.subresources or {}
    present = frozenset(sub for sub in ("status", "scale") if subresources.get(sub) is not None)
    resource = Resource(
        definition.group,
        version.name,
        names.plural,
        names.kind,
        definition.namespaced,
        names.singular,
        names.short_names,
        names.categories,
        present,
        verbs,
    )
    scale = subresources.get("scale")
    storage_version = f"{definition.group}/{definition.storage_version}"
    schema = DeferredSchema(lambda: load_schema(version.name))

    def defaulted(obj: Object) -> Object:
        schema.default(obj)
        return obj

    return ServedResource(
        resource=resource,
        schema=schema,
        bucket=resource.bucket,
        storage_version=storage_version,
        from_storage=defaulted if definition.defaults_what_is_read else None,
        scale=ScalePaths(
            scale.get("specReplicasPath", ""),
            scale.get("statusReplicasPath", ""),
            scale.get("labelSelectorPath") or "",
        )
        if scale is not None
        else None,
        columns=tuple(version.additional_printer_columns or DEFAULT_COLUMNS),
        selectable_fields=tuple(field["jsonPath"] for field in version.selectable_fields or ()),
        definition=definition.uid,
        deprecation_warning=_deprecation(resource, version),
        conversion=conversion,
        marks={"apiVersion": storage_version} if len(definition.versions) > 1 else {},
    )


def _deprecation(resource: Resource, version: Version) -> str:
    if not version.deprecated:
        return ""
    told = f"{resource.api_version} {resource.kind} is deprecated"
    return version.deprecation_warning or told
