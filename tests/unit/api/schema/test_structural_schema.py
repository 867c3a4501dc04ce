from typing import Any

import pytest

from grappe.api.schema import crd_schema_problems

PATH = "spec.validation.openAPIV3Schema"


def problems(**spec: Any) -> list[tuple[str, str]]:
    openapi = {"type": "object", "properties": {"spec": spec}}
    return [(c.field.removeprefix(PATH), c.message) for c in crd_schema_problems(openapi)]


def test_a_structural_schema_has_no_problems() -> None:
    assert (
        problems(
            type="object",
            required=["name"],
            properties={
                "name": {"type": "string", "pattern": "^a$", "default": "a"},
                "port": {
                    "x-kubernetes-int-or-string": True,
                    "anyOf": [{"type": "integer"}, {"type": "string"}],
                },
                "list": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["a"],
                    "items": {
                        "type": "object",
                        "required": ["a"],
                        "properties": {"a": {"type": "string"}},
                    },
                },
            },
            oneOf=[{"required": ["name"]}, {"properties": {"port": {"not": {}}}}],
        )
        == []
    )


@pytest.mark.parametrize(
    ("spec", "field", "message"),
    [
        (
            {},
            ".properties[spec].type",
            "Required value: must not be empty for specified object fields",
        ),
        (
            {"type": "float"},
            ".properties[spec].type",
            'Unsupported value: "float": supported values: "array", "boolean", "integer", '
            '"number", "object", "string"',
        ),
        ({"type": "array"}, ".properties[spec].items", "Required value: must be specified"),
        (
            {"type": "array", "items": {}},
            ".properties[spec].items.type",
            "Required value: must not be empty for specified array items",
        ),
        (
            {"type": "string", "anyOf": [{"type": "string"}]},
            ".properties[spec].anyOf[0].type",
            "Forbidden: must be empty to be structural",
        ),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "additionalProperties": {"type": "string"},
            },
            ".properties[spec].additionalProperties",
            "Forbidden: additionalProperties and properties are mutual exclusive",
        ),
        ({"type": "string", "pattern": "("}, ".properties[spec].pattern", "Invalid value: "),
        ({"type": "string", "default": 1}, ".properties[spec].default", "Invalid value: "),
        (
            {"type": "object", "$ref": "#/x"},
            ".properties[spec].$ref",
            "Forbidden: $ref is not supported",
        ),
        (
            {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "bag"},
            ".properties[spec].x-kubernetes-list-type",
            'Unsupported value: "bag": supported values: "atomic", "map", "set"',
        ),
        (
            {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
            ".properties[spec].uniqueItems",
            "Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes "
            "quadratic",
        ),
    ],
)
def test_problems_are_named(spec: dict[str, Any], field: str, message: str) -> None:
    found = problems(**spec)
    assert [f for f, _ in found] == [field]
    assert found[0][1].startswith(message)


def test_root_rules() -> None:
    assert [c.field for c in crd_schema_problems({"type": "string"})] == [f"{PATH}.type"]
    assert [c.field for c in crd_schema_problems(None)] == [PATH]
    metadata = {"type": "object", "properties": {"labels": {"type": "object"}}}
    found = crd_schema_problems({"type": "object", "properties": {"metadata": metadata}})
    assert [c.reason for c in found] == ["FieldValueForbidden"]


def test_a_list_map_key_needs_a_value_always() -> None:
    found = problems(
        type="array",
        items={"type": "object", "properties": {"a": {"type": "string"}}},
        **{"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"]},
    )
    assert [f for f, _ in found] == [".properties[spec].items.properties[a].default"]


def test_a_valid_re2_pattern_python_cannot_run_is_accepted() -> None:
    assert problems(type="string", pattern=r"^\p{L}+$") == []
