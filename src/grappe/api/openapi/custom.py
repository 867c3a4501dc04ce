"""Definitions of custom kinds, from their CustomResourceDefinition's schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from grappe.api import Object
from grappe.api.openapi.definitions import LIST_META, OBJECT_META
from grappe.api.openapi.paths import definition_name, gvk
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
_EMBEDDED_API_VERSION = _API_VERSION.replace("APIVersion", "apiVersion", 1)
_EMBEDDED_KIND = _KIND.replace("Kind is", "kind is", 1)
_PRESERVED = "x-kubernetes-preserve-unknown-fields"
# OpenAPI v2 has no word for these.
_V3_ONLY = frozenset({"anyOf", "oneOf", "allOf", "not", "nullable"})


class CustomKind(NamedTuple):
    """A custom resource as served, with its `openAPIV3Schema`."""

    resource: Resource
    openapi: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The definition's name."""
        return definition_name(self.resource)


def custom_definitions(kind: CustomKind, prefix: str, *, v3: bool) -> dict[str, Object]:
    """The definitions of the kind and its list; `prefix` begins a reference."""
    own: Object
    if not v3 and kind.openapi.get(_PRESERVED):
        # With any field named, kubectl takes all others for unknown.
        own = {"type": "object"}
    else:
        body = dict(kind.openapi) if v3 else _as_v2(kind.openapi)
        body = _with_embedded(body, prefix, v3=v3)
        own = {
            **body,
            "type": "object",
            "properties": {
                **(body.get("properties") or {}),
                "apiVersion": {"type": "string", "description": _API_VERSION},
                "kind": {"type": "string", "description": _KIND},
                "metadata": _reference(prefix + OBJECT_META, _METADATA, v3=v3),
            },
        }
    own["x-kubernetes-group-version-kind"] = [gvk(kind.resource)]
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


def _nested(schema: Mapping[str, Any], of: Callable[[Any], Any]) -> Object:
    """The schema with `of` applied to each schema right inside it."""
    found = dict(schema)
    if isinstance(properties := schema.get("properties"), Mapping):
        found["properties"] = {name: of(inner) for name, inner in properties.items()}
    for key in ("items", "additionalProperties"):
        if isinstance(inner := schema.get(key), Mapping):
            found[key] = of(inner)
    return found


def _as_v2(schema: Mapping[str, Any]) -> Object:
    """The schema without what OpenAPI v2 or kubectl's reader of it cannot express: a type that
    may be null or hold unknown fields is left open."""
    nullable, preserved = schema.get("nullable"), schema.get(_PRESERVED)
    found = {key: value for key, value in schema.items() if key not in _V3_ONLY}
    if nullable or preserved:
        found.pop("items", None)
        found.pop("properties", None)
    if (
        nullable
        or schema.get("x-kubernetes-int-or-string")
        or (preserved and schema.get("type") == "object")
        or (schema.get("type") == "array" and "items" not in found)
    ):
        found.pop("type", None)
    _drop_nullable_requirements(found)
    return _nested(found, _as_v2)


def _drop_nullable_requirements(schema: Object) -> None:
    """What may be null is not required: `null` counts as absent for a reader of v2."""
    inside = schema.get("properties") or {}
    required = [n for n in schema.get("required") or () if not inside.get(n, {}).get("nullable")]
    additional = schema.get("additionalProperties")
    if isinstance(additional, Mapping) and additional.get("nullable"):
        required = []
    if required:
        schema["required"] = required
    else:
        schema.pop("required", None)


def _with_embedded(schema: Mapping[str, Any], prefix: str, *, v3: bool) -> Object:
    """The schema, with every embedded resource having the fields that each object has."""
    found = _nested(schema, lambda inner: _with_embedded(inner, prefix, v3=v3))
    if not schema.get("x-kubernetes-embedded-resource") or (not v3 and schema.get(_PRESERVED)):
        return found
    required = list(schema.get("required") or ())
    found["required"] = required + [n for n in ("kind", "apiVersion") if n not in required]
    found["properties"] = {
        **(found.get("properties") or {}),
        "apiVersion": {"type": "string", "description": _EMBEDDED_API_VERSION},
        "kind": {"type": "string", "description": _EMBEDDED_KIND},
        "metadata": _reference(prefix + OBJECT_META, _METADATA, v3=v3),
    }
    return found
