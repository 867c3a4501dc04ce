from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.api.apply import track_update
from grappe.api.schema import crd_schema, crd_schema_problems

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
            'Unsupported value: "bag": supported values: "atomic", "set", "map"',
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


NODE = ".properties[spec]"
MAP = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["a"]}
KEYED = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string"}}}
IN_A_SET = "must be atomic as item of a list with x-kubernetes-list-type=set"
IN_KEYS = "this property is in x-kubernetes-list-map-keys, so it"


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (
            {"type": "object", "x-kubernetes-list-type": "atomic"},
            [(".type", 'Invalid value: "object": must be array if x-kubernetes-list-type is '
              "specified")],
        ),
        (
            {"type": "string", "x-kubernetes-map-type": "atomic"},
            [(".type", 'Invalid value: "string": must be object if x-kubernetes-map-type is '
              "specified")],
        ),
        (
            {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "object"}},
            [(".items.x-kubernetes-map-type", f'Invalid value: null: {IN_A_SET}')],
        ),
        (
            {
                "type": "array",
                "x-kubernetes-list-type": "set",
                "items": {
                    "type": "array",
                    "x-kubernetes-list-type": "set",
                    "items": {"type": "string"},
                },
            },
            [(".items.x-kubernetes-list-type", f'Invalid value: "set": {IN_A_SET}')],
        ),
        (
            {
                "type": "array",
                "x-kubernetes-list-type": "set",
                "items": {"type": "string", "nullable": True},
            },
            [(".items.nullable", "Forbidden: cannot be nullable when x-kubernetes-list-type is "
              "set")],
        ),
        (
            {"type": "array", "items": KEYED, "x-kubernetes-list-map-keys": ["a"]},
            [(".x-kubernetes-list-type", "Required value: must be map if "
              "x-kubernetes-list-map-keys is non-empty")],
        ),
        (
            {"type": "array", "items": KEYED, **MAP, "x-kubernetes-list-map-keys": []},
            [(".x-kubernetes-list-map-keys", "Required value: must not be empty if "
              "x-kubernetes-list-type is map")],
        ),
        (
            {"type": "array", "items": KEYED, **MAP, "x-kubernetes-list-map-keys": ["a", "a"]},
            [(".x-kubernetes-list-map-keys", 'Invalid value: ["a","a"]: must not contain '
              "duplicate entries")],
        ),
        (
            {"type": "array", "items": KEYED, **MAP, "x-kubernetes-list-map-keys": ["b"]},
            [(".x-kubernetes-list-map-keys", 'Invalid value: ["b"]: entries must all be names of '
              "item properties")],
        ),
        (
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"a": {"type": "string", "nullable": True}},
                },
                **MAP,
            },
            [
                (".items.properties[a].default", f"Required value: {IN_KEYS} must have a default "
                 "or be a required property"),
                (".items.properties[a].nullable", f"Forbidden: {IN_KEYS} cannot be nullable"),
            ],
        ),
        (
            {"type": "object", "x-kubernetes-preserve-unknown-fields": False},
            [(".x-kubernetes-preserve-unknown-fields", "Invalid value: false: must be true or "
              "undefined")],
        ),
    ],
)  # fmt: skip
def test_what_kinds_of_lists_and_maps_ask_for(
    spec: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert problems(**spec) == [(NODE + field, message) for field, message in expected]


texts = st.sampled_from(["", "object", "array", "string", "integer", "x", "(", "^a$", "set", "map"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


def _schemas(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    """Schemas that have schemas within them, so many levels deep at the most."""
    below = _schemas(depth - 1) if depth else st.just({})
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.sampled_from(["object", "array", "string", "integer", "number", "boolean"]),
            "properties": st.dictionaries(
                st.sampled_from(["a", "b", "metadata"]), below, max_size=2
            ),
            "items": below,
            "additionalProperties": below | st.booleans(),
            "anyOf": st.lists(below, max_size=2),
            "not": below,
            "required": st.lists(st.sampled_from(["a", "b"]), max_size=2),
            "enum": st.lists(anything, max_size=2),
            "default": anything,
            "pattern": texts,
            "format": st.sampled_from(["date-time", "ipv4", "int32", "duration", "x"]),
            "minimum": st.integers(-2, 2),
            "maxItems": st.integers(0, 2),
            "maxLength": st.integers(0, 2),
            "multipleOf": st.integers(0, 2),
            "nullable": st.booleans(),
            "x-kubernetes-list-type": st.sampled_from(["set", "map", "atomic", "x"]),
            "x-kubernetes-list-map-keys": st.lists(st.sampled_from(["a", "b"]), max_size=2),
            "x-kubernetes-int-or-string": st.booleans(),
            "x-kubernetes-preserve-unknown-fields": st.booleans(),
            "x-kubernetes-embedded-resource": st.booleans(),
        },
    )


@settings(max_examples=80)
@given(_schemas(2), anything)
def test_any_schema_is_judged_and_what_passes_can_be_used(spec: dict[str, Any], value: Any) -> None:
    openapi = {"type": "object", "properties": {"spec": spec}}
    if crd_schema_problems(openapi):
        return
    schema = crd_schema(openapi)
    obj = {"metadata": {"name": "a"}, "spec": value}
    schema.decode(obj)
    schema.default(obj)
    schema.check(obj)
    track_update(None, obj, manager="m", api_version="v1", schema=schema, now="")
