"""Definitions of custom kinds, from their CustomResourceDefinition's schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from grappe.api import Object
from grappe.api.openapi.definitions import LIST_META, OBJECT_META
from grappe.api.openapi.paths import gvk
from grappe.api.resources import Resource

_API_VERSION = (
    "APIVersion defines the versioned schema of this representation of an object. Servers should "
    "convert recognized schemas to the latest internal value, and may reject unrecognized values. "
    "More info: https://git.k8s.io/community/contributors/devel/sig-architecture/"
    "api-conventions.md#resources"
)
_KIND = (
    "Kind is a string value representing the REST resource this object represents. Servers may "
    "infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. "
    "More info: https://git.k8s.io/community/contributors/devel/sig-architecture/"
    "api-conventions.md#types-kinds"
)
_METADATA = (
    "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/"
    "sig-architecture/api-conventions.md#metadata"
)
# OpenAPI v2 has no word for these.
_V3_ONLY = frozenset({"anyOf", "oneOf", "allOf", "not", "nullable", "default"})


class CustomKind(NamedTuple):
    """A custom resource as served, with its `openAPIV3Schema`."""

    resource: Resource
    openapi: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The definition's name: `io.argoproj.v1alpha1.Application`."""
        parts = [*reversed(self.resource.group.split(".")), self.resource.version]
        return ".".join([*parts, self.resource.kind])


def custom_definitions(kind: CustomKind, prefix: str, *, v3: bool) -> dict[str, Object]:
    """The definitions of the kind and its list; `prefix` begins a reference."""
    body = dict(kind.openapi) if v3 else _as_v2(kind.openapi)
    own: Object = {
        **body,
        "type": "object",
        "properties": {
            **(body.get("properties") or {}),
            "apiVersion": {"type": "string", "description": _API_VERSION},
            "kind": {"type": "string", "description": _KIND},
            "metadata": _reference(prefix + OBJECT_META, _METADATA, v3=v3),
        },
        "x-kubernetes-group-version-kind": [gvk(kind.resource)],
    }
    marks = gvk(kind.resource)
    marks["kind"] += "List"
    listing: Object = {
        "description": f"{kind.resource.kind}List is a list of {kind.resource.kind}",
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string", "description": _API_VERSION},
            "kind": {"type": "string", "description": _KIND},
            "metadata": _reference(prefix + LIST_META, _METADATA, v3=v3),
            "items": {
                "type": "array",
                "description": f"List of {kind.resource.plural}. More info: "
                "https://git.k8s.io/community/contributors/devel/sig-architecture/"
                "api-conventions.md",
                "items": {"$ref": prefix + kind.name},
            },
        },
        "x-kubernetes-group-version-kind": [marks],
    }
    return {kind.name: own, f"{kind.name}List": listing}


def _reference(target: str, description: str, *, v3: bool) -> Object:
    if v3:
        return {"allOf": [{"$ref": target}], "description": description}
    return {"$ref": target, "description": description}


def _as_v2(schema: Any) -> Any:
    """The schema without what OpenAPI v2 cannot say; a type it cannot express is left open."""
    if not isinstance(schema, Mapping):
        return schema
    found: Object = {}
    for key, value in schema.items():
        if key in _V3_ONLY:
            continue
        if key == "properties":
            found[key] = {name: _as_v2(inner) for name, inner in value.items()}
        elif key in ("items", "additionalProperties"):
            found[key] = _as_v2(value)
        else:
            found[key] = value
    if schema.get("nullable") or schema.get("x-kubernetes-int-or-string"):
        found.pop("type", None)
        if schema.get("nullable"):
            found.pop("items", None)
            found.pop("properties", None)
    return found
