"""The built-in definitions with their descriptions, and which of them a group version needs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from grappe.api import Object
from grappe.api.resources import Resource
from grappe.api.schema.definitions import (
    definition,
    definition_of_kind,
    descriptions,
    reference,
)

_META = "io.k8s.apimachinery.pkg.apis.meta.v1."
ALWAYS = (f"{_META}DeleteOptions", f"{_META}Patch", f"{_META}Status")
"""What the verbs themselves take and give."""
OBJECT_META = f"{_META}ObjectMeta"
LIST_META = f"{_META}ListMeta"


def described(names: Iterable[str]) -> dict[str, Object]:
    """Name → definition (OpenAPI v2 form) with its descriptions, for `names` and all they refer
    to."""
    texts = descriptions()
    found: dict[str, Object] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        schema = {k: v for k, v in definition(name).items() if not k.startswith("x-grappe-")}
        own, fields = texts.get(name, ("", {}))
        if own:
            schema["description"] = own
        for field, text in fields.items():
            schema["properties"][field]["description"] = text
        found[name] = schema
        waiting += _references(schema)
    return dict(sorted(found.items()))


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, list):
        for inner in schema:
            yield from _references(inner)
    elif isinstance(schema, dict):
        target = schema.get("$ref")
        if isinstance(target, str):
            yield reference(schema)
        for key, inner in schema.items():
            if key != "$ref" and isinstance(inner, (dict, list)):
                yield from _references(inner)


def of_resources(resources: Iterable[Resource]) -> list[str]:
    """The definitions of the kinds and their lists."""
    found = []
    for resource in resources:
        for kind in (resource.kind, f"{resource.kind}List"):
            name = definition_of_kind(resource.api_version, kind)
            if name is not None:
                found.append(name)
    return found
