"""`/openapi/v3`: an index, and one document for each group version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha512
from typing import Any

import orjson

from grappe import __version__
from grappe.api import Object
from grappe.api.openapi.custom import CustomKind, custom_definitions
from grappe.api.openapi.definitions import (
    ALWAYS,
    LIST_META,
    OBJECT_META,
    described,
    of_resources,
)
from grappe.api.openapi.enums import enums_of
from grappe.api.openapi.paths import paths
from grappe.api.resources import Resource
from grappe.api.schema.definitions import VERSION

_PREFIX = "#/components/schemas/"
_MADE_BY = f"{VERSION} {__version__}".encode()


def _path(resource: Resource) -> str:
    """The name of a group version in the index: `api/v1`, `apis/apps/v1`."""
    return resource.root.removeprefix("/")


def v3_hashes(resources: Iterable[Resource], custom: Iterable[CustomKind] = ()) -> dict[str, str]:
    """Group version (`apis/apps/v1`) → a hash that changes whenever its document does; cheap."""
    facts: dict[str, list[bytes]] = {}
    for resource in resources:
        facts.setdefault(_path(resource), [_MADE_BY]).append(_facts(resource))
    for kind in custom:
        schema = orjson.dumps(dict(kind.openapi), option=orjson.OPT_SORT_KEYS)
        facts.setdefault(_path(kind.resource), [_MADE_BY]).append(_facts(kind.resource) + schema)
    return {
        path: sha512(b"\n".join(sorted(found))).hexdigest().upper()
        for path, found in sorted(facts.items())
    }


def _facts(resource: Resource) -> bytes:
    return f"{resource.plural} {resource.kind} {sorted(resource.subresources)}".encode()


def v3_index(hashes: Mapping[str, str]) -> bytes:
    """The index: where each document is, its hash in the URL so that clients may keep it."""
    found = {
        path: {"serverRelativeURL": f"/openapi/v3/{path}?hash={digest}"}
        for path, digest in hashes.items()
    }
    return orjson.dumps({"paths": found})


def v3_document(
    group: str,
    version: str,
    resources: Iterable[Resource],
    custom: Iterable[CustomKind] = (),
) -> bytes:
    """The document of one group version; `resources` and `custom` may hold others, which are
    left out."""
    served = [r for r in resources if (r.group, r.version) == (group, version)]
    customs = [k for k in custom if (k.resource.group, k.resource.version) == (group, version)]
    wanted = [*of_resources(served), *ALWAYS, OBJECT_META, LIST_META]
    schemas = {name: as_v3(schema) for name, schema in described(wanted).items()}
    for name, schema in schemas.items():
        for field, values in enums_of(name).items():
            schema["properties"][field]["enum"] = values
    for kind in customs:
        schemas |= custom_definitions(kind, _PREFIX, v3=True)
    document: Object = {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": f"v{VERSION}.0"},
        "paths": paths([*served, *(k.resource for k in customs)], "v3"),
        "components": {"schemas": schemas},
    }
    return orjson.dumps(document)


def as_v3(schema: Mapping[str, Any]) -> Object:
    """A definition in OpenAPI v3: references get their siblings by `allOf`, and types that v2
    could only call a string say what they take."""
    found: Object = {}
    for key, value in schema.items():
        if key == "$ref":
            target = _PREFIX + value.rpartition("/")[2]
            if len(schema) > 1:
                found["allOf"] = [{"$ref": target}]
            else:
                found["$ref"] = target
        elif key == "properties":
            found[key] = {name: as_v3(inner) for name, inner in value.items()}
        elif key in ("items", "additionalProperties") and isinstance(value, dict):
            found[key] = as_v3(value)
        else:
            found[key] = value
    if found.get("format") == "quantity":
        del found["format"], found["type"]
        found["oneOf"] = [{"type": "string"}, {"type": "number"}]
    elif found.get("format") == "int-or-string":
        del found["type"]
        found["oneOf"] = [{"type": "integer"}, {"type": "string"}]
    elif found.get("format") == "micro-time":
        found["format"] = "date-time"
    return found
