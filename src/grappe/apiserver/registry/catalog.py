"""Every resource that is served: built in, and custom at this moment."""

from __future__ import annotations

from collections.abc import Iterator

from grappe.api.resources import BUILTIN, Resource, builtin
from grappe.api.schema import builtin_schema
from grappe.apiserver.registry.interface import CustomResources, ScalePaths, ServedResource

_WORKLOAD_SCALE = ScalePaths(".spec.replicas", ".status.replicas", "")


def serve_builtin(resource: Resource) -> ServedResource:
    """How a built-in resource is served."""
    return ServedResource(
        resource=resource,
        schema=builtin_schema(resource.api_version, resource.kind),
        bucket=resource.bucket,
        storage_version=resource.api_version,
        scale=_WORKLOAD_SCALE if "scale" in resource.subresources else None,
    )


class Catalog:
    """Finds what a path names. Built-in resources are prepared when first asked for."""

    def __init__(self, custom: CustomResources) -> None:
        self._custom = custom
        self._builtin: dict[tuple[str, str, str], ServedResource] = {}

    def find(self, group: str, version: str, plural: str) -> ServedResource | None:
        key = (group, version, plural)
        served = self._builtin.get(key)
        if served is not None:
            return served
        resource = builtin(group, version, plural)
        if resource is not None:
            served = self._builtin[key] = serve_builtin(resource)
            return served
        return self._custom.lookup(group, version, plural)

    def resources(self) -> Iterator[Resource]:
        """Every served resource, built in first."""
        yield from BUILTIN
        for served in self._custom.served():
            yield served.resource
