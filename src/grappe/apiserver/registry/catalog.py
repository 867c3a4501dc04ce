"""Every resource that is served: built in, and custom at this moment, but for the group versions
that other servers have taken over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from grappe.api.conversion import conversion
from grappe.api.resources import BUILTIN, Resource, builtin, builtin_kind
from grappe.api.schema import builtin_schema
from grappe.apiserver.registry.interface import CustomResources, ScalePaths, ServedResource

_DEPRECATED = {
    "/componentstatuses": "v1 ComponentStatus is deprecated in v1.19+",
    "/endpoints": ("v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"),
}
_WORKLOAD_SCALE = ScalePaths(".spec.replicas", ".status.replicas", "")


def serve_builtin(resource: Resource) -> ServedResource:
    """How a built-in resource is served. One that is stored as another version shares that
    one's records."""
    converted = conversion(resource.api_version, resource.kind)
    stored = builtin_kind(converted.storage_version, resource.kind) if converted else None
    return ServedResource(
        resource=resource,
        schema=builtin_schema(resource.api_version, resource.kind),
        bucket=(stored or resource).bucket,
        storage_version=(stored or resource).api_version,
        to_storage=converted.to_storage if converted else None,
        from_storage=converted.from_storage if converted else None,
        scale=_WORKLOAD_SCALE if "scale" in resource.subresources else None,
        deprecation_warning=_DEPRECATED.get(resource.bucket, ""),
    )


class Catalog:
    """Finds what a path names. Built-in resources are prepared when first asked for."""

    def __init__(self, custom: CustomResources) -> None:
        self._custom = custom
        self._builtin: dict[tuple[str, str, str], ServedResource] = {}
        self._elsewhere: frozenset[tuple[str, str]] = frozenset()

    def answered_elsewhere(self, group_versions: Iterable[tuple[str, str]]) -> None:
        """From now on other servers answer just these, whatever could be served here."""
        self._elsewhere = frozenset(group_versions)
        self._builtin.clear()

    def find(self, group: str, version: str, plural: str) -> ServedResource | None:
        """None too where another server answers."""
        key = (group, version, plural)
        served = self._builtin.get(key)
        if served is not None:
            return served
        if self._elsewhere and (group, version) in self._elsewhere:
            return None
        resource = builtin(group, version, plural)
        if resource is not None:
            served = self._builtin[key] = serve_builtin(resource)
            return served
        return self._custom.lookup(group, version, plural)

    def versions_of(self, served: ServedResource) -> Iterator[ServedResource]:
        """The other versions of the same objects that are served now."""
        for resource in self.resources():
            other = self.find(resource.group, resource.version, resource.plural)
            if other is not None and other is not served and other.bucket == served.bucket:
                yield other

    def resources(self) -> Iterator[Resource]:
        """Every resource that is served here, built in first."""
        for resource in self._all():
            if (resource.group, resource.version) not in self._elsewhere:
                yield resource

    def _all(self) -> Iterator[Resource]:
        yield from BUILTIN
        for served in self._custom.served():
            yield served.resource
