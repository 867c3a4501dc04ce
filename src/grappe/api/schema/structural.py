"""Whether the schema of a CustomResourceDefinition is structural and well formed.

Rules and messages of apiextensions (https://kubernetes.io/docs/tasks/extend-kubernetes/
custom-resources/custom-resource-definitions/#specifying-a-structural-schema).
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, TypeAlias

from grappe.api import Object
from grappe.api.causes import forbidden, invalid, not_supported, required
from grappe.api.copying import copied
from grappe.api.errors import Cause
from grappe.api.schema.check import compile_check
from grappe.api.schema.node import Node, mentions_rules
from grappe.api.schema.regex import PatternError, go_regex
from grappe.api.schema.structural_lists import topology_problems
from grappe.api.schema.unknown import drop_unknown

RuledDefault: TypeAlias = tuple[Node, Any, str]
Level = Literal["root", "item", "field"]

_TYPES = ("array", "boolean", "integer", "number", "object", "string")
_UNSUPPORTED = {
    "$ref": "$ref is not supported",
    "additionalItems": "additionalItems is not supported",
    "definitions": "definitions is not supported",
    "dependencies": "dependencies is not supported",
    "id": "id is not supported",
    "patternProperties": "patternProperties is not supported",
}
_WHERE = {
    "root": "must not be empty at the root",
    "item": "must not be empty for specified array items",
    "field": "must not be empty for specified object fields",
}
# What may stand only outside of anyOf, oneOf, allOf and not.
_NOT_NESTED = {
    "type": "must be empty to be structural",
    "additionalProperties": "must be undefined to be structural",
    "default": "must be undefined to be structural",
    "title": "must be empty to be structural",
    "description": "must be empty to be structural",
    "nullable": "must be false to be structural",
    "externalDocs": "must be undefined to be structural",
    "x-kubernetes-preserve-unknown-fields": "must be false to be structural",
    "x-kubernetes-embedded-resource": "must be false to be structural",
    "x-kubernetes-int-or-string": "must be false to be structural",
    "x-kubernetes-list-map-keys": "must be empty to be structural",
    "x-kubernetes-list-type": "must be undefined to be structural",
    "x-kubernetes-map-type": "must be undefined to be structural",
    "x-kubernetes-validations": "must be empty to be structural",
}
_INT_OR_STRING = [{"type": "integer"}, {"type": "string"}]


def crd_schema_problems(openapi: Any, path: str = "spec.validation.openAPIV3Schema") -> list[Cause]:
    """What is wrong with a CRD's `openAPIV3Schema` found at `path`."""
    return structure_of(openapi, path).causes


class Structure(NamedTuple):
    """`ruled_defaults`: defaults that the schema's own validation rules may refuse still, each
    with its schema and path."""

    causes: list[Cause]
    ruled_defaults: list[RuledDefault]


def structure_of(openapi: Any, path: str) -> Structure:
    """What is wrong with the structure of a definition's schema."""
    found = _Problems()
    found.structure(openapi, "root", path)
    causes = sorted(found.causes)
    if not causes and (at := _meta_schema(openapi)):
        causes = [invalid(path, "", f"OpenAPIV3Schema '{at}' is not supported")]
    return Structure(causes, found.ruled_defaults)


def _meta_schema(schema: Any) -> str:
    """`schema` when `$schema` stands anywhere."""
    if isinstance(schema, dict):
        if isinstance(schema.get("$schema"), str) and schema["$schema"]:
            return "schema"
        return next(filter(None, map(_meta_schema, schema.values())), "")
    return next(filter(None, map(_meta_schema, schema)), "") if isinstance(schema, list) else ""


class _Problems:
    def __init__(self) -> None:
        self.causes: list[Cause] = []
        self.ruled_defaults: list[RuledDefault] = []

    # -- the structure itself ------------------------------------------------------------------

    def structure(self, schema: Any, level: Level, path: str) -> None:
        if not isinstance(schema, dict):
            self.causes.append(invalid(path, schema, "must be an object"))
            return
        self._keywords(schema, path)
        self._exclusive(schema, path)
        self._type(schema, level, path)
        self._children(schema, level, path)
        self.causes += topology_problems(schema, path)
        self._default(schema, level, path)
        if level == "root" or schema.get("x-kubernetes-embedded-resource"):
            self._type_meta(schema, level, path)
        skip_any = schema.get("anyOf") == _INT_OR_STRING
        all_of = schema.get("allOf")
        first = all_of[0] if isinstance(all_of, list) and all_of else None
        skip_first = isinstance(first, dict) and first.get("anyOf") == _INT_OR_STRING
        self._values(schema, path, skip_any=skip_any, skip_first_all=skip_first)

    def _keywords(self, schema: Object, path: str) -> None:
        for keyword, why in _UNSUPPORTED.items():
            if schema.get(keyword):
                self.causes.append(forbidden(f"{path}.{keyword}", why))
        if schema.get("uniqueItems"):
            self.causes.append(
                forbidden(
                    f"{path}.uniqueItems",
                    "uniqueItems cannot be set to true since the runtime complexity becomes "
                    "quadratic",
                )
            )
        preserve = "x-kubernetes-preserve-unknown-fields"
        if schema.get(preserve) is False:
            self.causes.append(invalid(f"{path}.{preserve}", False, "must be true or undefined"))

    def _exclusive(self, schema: Object, path: str) -> None:
        for one, other in (
            ("x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"),
            ("x-kubernetes-embedded-resource", "x-kubernetes-int-or-string"),
        ):
            if schema.get(one) and schema.get(other):
                detail = f"must be false if {other} is true"
                self.causes.append(invalid(f"{path}.{one}", True, detail))

    def _type(self, schema: Object, level: Level, path: str) -> None:
        found = schema.get("type") or ""
        embedded = schema.get("x-kubernetes-embedded-resource")
        if found and found not in _TYPES:
            self.causes.append(not_supported(f"{path}.type", found, _TYPES))
            if found == "null":
                detail = "type cannot be set to null, use nullable as an alternative"
                self.causes.append(forbidden(f"{path}.type", detail))
        elif embedded and found != "object":
            detail = "must be object if x-kubernetes-embedded-resource is true"
            self.causes.append(
                invalid(f"{path}.type", found, detail)
                if found
                else required(f"{path}.type", detail)
            )
        elif not found and not (
            schema.get("x-kubernetes-int-or-string")
            or schema.get("x-kubernetes-preserve-unknown-fields")
        ):
            self.causes.append(required(f"{path}.type", _WHERE[level]))
        elif level == "root" and found not in ("", "object"):
            self.causes.append(invalid(f"{path}.type", found, "must be object at the root"))
        if found == "array" and schema.get("items") is None:
            self.causes.append(required(f"{path}.items", "must be specified"))
        if (
            embedded
            and not schema.get("x-kubernetes-preserve-unknown-fields")
            and not schema.get("properties")
        ):
            self.causes.append(
                required(
                    f"{path}.properties",
                    "must not be empty if x-kubernetes-embedded-resource is true without "
                    "x-kubernetes-preserve-unknown-fields",
                )
            )

    def _children(self, schema: Object, level: Level, path: str) -> None:
        items = schema.get("items")
        if isinstance(items, list):
            self.causes.append(
                forbidden(f"{path}.items", "items must be a schema object and not an array")
            )
        elif items is not None:
            self.structure(items, "item", f"{path}.items")
        properties = schema.get("properties") or {}
        for name, child in properties.items():
            if name == "metadata" and level == "root":
                continue
            self.structure(child, "field", f"{path}.properties[{name}]")
        additional = schema.get("additionalProperties")
        if additional is None:
            return
        place = f"{path}.additionalProperties"
        if level == "root":
            self.causes.append(forbidden(place, "must not be used at the root"))
        if schema.get("x-kubernetes-embedded-resource"):
            detail = "must not be used if x-kubernetes-embedded-resource is set"
            self.causes.append(forbidden(place, detail))
        if properties and additional is not True:
            self.causes.append(
                forbidden(place, "additionalProperties and properties are mutual exclusive")
            )
        if isinstance(additional, dict):
            self.structure(additional, "field", place)

    def _default(self, schema: Object, level: Level, path: str) -> None:
        if schema.get("default") is None:
            return
        if level == "root":
            self.causes.append(forbidden(f"{path}.default", "must not be set at the root"))
            return
        node, value = Node(schema, custom=True), copied(schema["default"])
        if drop_unknown(node, value):
            place = f"{path}.default"
            self.causes.append(invalid(place, schema["default"], "must not have unknown fields"))
        wrong: list[Cause] = []
        compile_check(schema)(schema["default"], "", wrong)
        if not wrong and mentions_rules(schema):
            self.ruled_defaults.append((node, schema["default"], f"{path}.default"))
        for cause in wrong:
            place = f"{path}.default"
            field = f"{place}.{cause.field}" if cause.field not in ("", "<nil>") else place
            self.causes.append(cause._replace(field=field))

    def _type_meta(self, schema: Object, level: Level, path: str) -> None:
        properties = schema.get("properties") or {}
        for name in ("apiVersion", "kind"):
            child = properties.get(name)
            if isinstance(child, dict) and child.get("type") not in ("string", None):
                place = f"{path}.properties[{name}].type"
                self.causes.append(invalid(place, child["type"], "must be string"))
        metadata = properties.get("metadata")
        if not isinstance(metadata, dict):
            return
        place = f"{path}.properties[metadata]"
        if metadata.get("type") != "object":
            found = metadata.get("type") or ""
            self.causes.append(invalid(f"{place}.type", found, "must be object"))
        if level != "root":
            return
        extra = set(metadata) - {"type", "properties", "description", "title", "required"}
        named = set(metadata.get("properties") or {})
        if extra or named - {"name", "generateName"}:
            self.causes.append(
                forbidden(
                    place,
                    "must not specify anything other than name and generateName, but metadata "
                    "is implicitly specified",
                )
            )

    # -- value validation ------------------------------------------------------------------------

    def _values(
        self, schema: Object, path: str, *, skip_any: bool = False, skip_first_all: bool = False
    ) -> None:
        for junction in ("anyOf", "allOf", "oneOf"):
            if junction == "anyOf" and skip_any:
                continue
            for index, inner in enumerate(schema.get(junction) or ()):
                skip = junction == "allOf" and index == 0 and skip_first_all
                self._nested(inner, f"{path}.{junction}[{index}]", skip_any=skip)
        if schema.get("not") is not None:
            self._nested(schema["not"], f"{path}.not")
        pattern = schema.get("pattern")
        if isinstance(pattern, str) and pattern:
            try:
                go_regex(pattern)
            except PatternError as error:
                detail = f"must be a valid regular expression, but isn't: {error}"
                self.causes.append(invalid(f"{path}.pattern", pattern, detail))

    def _nested(self, schema: Any, path: str, *, skip_any: bool = False) -> None:
        if not isinstance(schema, dict):
            self.causes.append(invalid(path, schema, "must be an object"))
            return
        self._values(schema, path, skip_any=skip_any)
        if isinstance(schema.get("items"), dict):
            self._nested(schema["items"], f"{path}.items")
        for name, child in (schema.get("properties") or {}).items():
            place = f"{path}.properties[{name}]"
            if name == "metadata":
                self.causes.append(forbidden(place, "must not be specified in a nested context"))
            self._nested(child, place)
        self._keywords(schema, path)
        if schema.get("additionalProperties") not in (None, True) and schema.get("properties"):
            place = f"{path}.additionalProperties"
            self.causes.append(
                forbidden(place, "additionalProperties and properties are mutual exclusive")
            )
        self.causes += topology_problems(schema, path)
        for keyword, why in _NOT_NESTED.items():
            if schema.get(keyword) not in (None, "", False, []):
                self.causes.append(forbidden(f"{path}.{keyword}", why))
