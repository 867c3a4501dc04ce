"""`/openapi/v2`: one document (Swagger 2.0) of everything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from grappe.api import Object
from grappe.api.openapi.custom import CustomKind, custom_definitions
from grappe.api.openapi.definitions import ALWAYS, described, of_resources
from grappe.api.openapi.paths import paths
from grappe.api.resources import Resource
from grappe.api.schema.definitions import VERSION

_PREFIX = "#/definitions/"
_MEDIA_TYPES = ["application/json", "application/yaml"]


def v2_document(resources: Iterable[Resource], custom: Iterable[CustomKind] = ()) -> bytes:
    """The JSON document of the built-in `resources` and the custom ones."""
    served, customs = list(resources), list(custom)
    definitions = described([*of_resources(served), *ALWAYS])
    for schema in definitions.values():
        _settle_formats(schema)
    for kind in customs:
        definitions |= custom_definitions(kind, _PREFIX, v3=False)
    document: Object = {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": f"v{VERSION}.0"},
        "consumes": _MEDIA_TYPES,
        "produces": _MEDIA_TYPES,
        "paths": paths([*served, *(k.resource for k in customs)], "v2"),
        "definitions": definitions,
    }
    return orjson.dumps(document)


def _settle_formats(schema: Any) -> None:
    """Our own formats in the words of the published document."""
    if schema.get("format") == "quantity":
        del schema["format"]
    elif schema.get("format") == "micro-time":
        schema["format"] = "date-time"
