import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.errors import Cause
from grappe.api.schema import DecodingError, crd_schema

OPENAPI: dict[str, Any] = {
    "type": "object",
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "required": ["replicas"],
            "properties": {
                "replicas": {"type": "integer", "minimum": 1, "maximum": 10},
                "color": {"type": "string", "enum": ["red", "green"], "default": "red"},
                "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5, "minLength": 2},
                "when": {"type": "string", "format": "date-time"},
                "port": {"x-kubernetes-int-or-string": True},
                "step": {"type": "integer", "multipleOf": 5},
                "maybe": {"type": "string", "nullable": True, "default": "x"},
                "tags": {
                    "type": "array",
                    "maxItems": 3,
                    "items": {"type": "string"},
                    "x-kubernetes-list-type": "set",
                },
                "ports": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["name"],
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "properties": {
                            "name": {"type": "string"},
                            "number": {"type": "integer", "default": 80},
                        },
                    },
                },
                "limits": {"type": "object", "additionalProperties": {"type": "integer"}},
                "raw": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                "template": {
                    "type": "object",
                    "x-kubernetes-embedded-resource": True,
                    "x-kubernetes-preserve-unknown-fields": True,
                },
                "pick": {
                    "type": "object",
                    "properties": {"a": {"type": "string"}, "b": {"type": "string"}},
                    "oneOf": [{"required": ["a"]}, {"required": ["b"]}],
                },
            },
        },
        "status": {"type": "object", "properties": {"ready": {"type": "boolean"}}},
    },
}
SCHEMA = crd_schema(OPENAPI)


def check(**spec: Any) -> list[Cause]:
    return SCHEMA.check({"spec": {"replicas": 1, **spec}})


def test_a_good_object_passes() -> None:
    assert (
        check(
            color="green",
            name="abc",
            when="2026-01-01T00:00:00Z",
            port="http",
            step=10,
            maybe=None,
            tags=["a", "b"],
            ports=[{"name": "a"}, {"name": "b", "number": 1}],
            limits={"x": 1},
            raw={"any": [1, {}]},
            template={"apiVersion": "v1", "kind": "Pod", "metadata": {}},
            pick={"a": "x"},
        )
        == []
    )


@pytest.mark.parametrize(
    ("spec", "field", "reason", "message"),
    [
        (
            {"replicas": "3"},
            "spec.replicas",
            "FieldValueTypeInvalid",
            'Invalid value: "string": spec.replicas in body must be of type integer: "string"',
        ),
        (
            {"replicas": None},
            "spec.replicas",
            "FieldValueTypeInvalid",
            'Invalid value: "null": spec.replicas in body must be of type integer: "null"',
        ),
        (
            {"replicas": 0},
            "spec.replicas",
            "FieldValueInvalid",
            "Invalid value: 0: spec.replicas in body should be greater than or equal to 1",
        ),
        (
            {"replicas": 11},
            "spec.replicas",
            "FieldValueInvalid",
            "Invalid value: 11: spec.replicas in body should be less than or equal to 10",
        ),
        (
            {"color": "blue"},
            "spec.color",
            "FieldValueNotSupported",
            'Unsupported value: "blue": supported values: "red", "green"',
        ),
        (
            {"name": "AB"},
            "spec.name",
            "FieldValueInvalid",
            "Invalid value: \"AB\": spec.name in body should match '^[a-z]+$'",
        ),
        (
            {"name": "abcdef"},
            "spec.name",
            "FieldValueTooLong",
            "Too long: may not be more than 5 bytes",
        ),
        (
            {"name": "a"},
            "spec.name",
            "FieldValueInvalid",
            'Invalid value: "a": spec.name in body should be at least 2 chars long',
        ),
        (
            {"when": "soon"},
            "spec.when",
            "FieldValueTypeInvalid",
            'Invalid value: "soon": spec.when in body must be of type date-time: "soon"',
        ),
        (
            {"step": 7},
            "spec.step",
            "FieldValueInvalid",
            "Invalid value: 7: spec.step in body should be a multiple of 5",
        ),
        (
            {"tags": list("abcd")},
            "spec.tags",
            "FieldValueTooMany",
            "Too many: 4: must have at most 3 items",
        ),
        ({"tags": ["a", "a"]}, "spec.tags[1]", "FieldValueDuplicate", 'Duplicate value: "a"'),
        (
            {"ports": [{"name": "a"}, {"name": "a"}]},
            "spec.ports[1]",
            "FieldValueDuplicate",
            'Duplicate value: {"name":"a"}',
        ),
        ({"ports": [{}]}, "spec.ports[0].name", "FieldValueRequired", "Required value"),
        (
            {"limits": {"x": True}},
            "spec.limits.x",
            "FieldValueTypeInvalid",
            'Invalid value: "boolean": spec.limits.x in body must be of type integer: "boolean"',
        ),
        (
            {"port": 1.5},
            "spec.port",
            "FieldValueTypeInvalid",
            'Invalid value: "number": spec.port in body must be of type integer,string: "number"',
        ),
        (
            {"template": {"kind": "Pod"}},
            "spec.template.apiVersion",
            "FieldValueRequired",
            "Required value",
        ),
        (
            {"pick": {"a": "x", "b": "y"}},
            "<nil>",
            "FieldValueInvalid",
            'Invalid value: "": "spec.pick" must validate one and only one schema (oneOf). '
            "Found 2 valid alternatives",
        ),
    ],
)
def test_wrong_values(spec: dict[str, Any], field: str, reason: str, message: str) -> None:
    assert check(**spec) == [Cause(field, reason, message)]


def test_missing_required_fields() -> None:
    assert SCHEMA.check({}) == [Cause("spec", "FieldValueRequired", "Required value")]


def test_none_of_the_alternatives() -> None:
    causes = check(pick={})
    assert causes[0].message.endswith("(oneOf). Found none valid")
    assert causes[1] == Cause("spec.pick.a", "FieldValueRequired", "Required value")


def test_pattern_end_is_the_end_of_the_text() -> None:
    assert check(name="abc\n")


def test_defaults_fill_absent_fields_and_nulls_that_may_not_be() -> None:
    obj: dict[str, Any] = {"spec": {"color": None, "maybe": None, "ports": [{"name": "a"}]}}
    SCHEMA.default(obj)
    assert obj == {"spec": {"color": "red", "maybe": None, "ports": [{"name": "a", "number": 80}]}}


def test_default_values_are_not_shared() -> None:
    schema = crd_schema(
        {"type": "object", "properties": {"a": {"type": "array", "default": [], "items": {}}}}
    )
    one: dict[str, Any] = {}
    two: dict[str, Any] = {}
    schema.default(one)
    schema.default(two)
    one["a"].append(1)
    assert two == {"a": []}


def test_unknown_fields_are_pruned_except_where_preserved() -> None:
    obj: dict[str, Any] = {
        "apiVersion": "x/v1",
        "kind": "X",
        "metadata": {"name": "a", "nonsense": 1},
        "spec": {
            "zzz": 1,
            "raw": {"free": 1},
            "ports": [{"name": "a", "y": 1}],
            "template": {"spec": {"free": 1}, "metadata": {"name": "x", "bad": 1}},
        },
        "extra": {},
    }
    expected = {
        "metadata.nonsense",
        "spec.zzz",
        "spec.ports[0].y",
        "spec.template.metadata.bad",
        "extra",
    }
    assert set(SCHEMA.decode(obj)) == expected
    assert SCHEMA.decode(obj) == []
    assert obj["spec"]["raw"] == {"free": 1}
    assert obj["spec"]["template"]["spec"] == {"free": 1}


def test_metadata_is_read_as_strictly_as_in_a_built_in_kind() -> None:
    with pytest.raises(DecodingError, match=r"ObjectMeta\.metadata\.labels of type string"):
        SCHEMA.decode({"metadata": {"labels": {"a": 1}}})
    with pytest.raises(DecodingError):
        SCHEMA.decode({"metadata": "x"})


def test_without_a_schema_everything_is_kept() -> None:
    schema = crd_schema(None)
    obj = {"spec": {"a": [1]}, "other": True}
    assert schema.decode(obj) == []
    assert schema.check(obj) == []


values = st.recursive(
    st.none() | st.booleans() | st.integers(-20, 20) | st.text("ab", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["spec", "replicas", "color", "ports", "name", "raw", "zz"]), inner
        )
    ),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from(["spec", "status", "zz"]), values))
def test_any_object_is_pruned_defaulted_and_checked_without_surprise(obj: dict[str, Any]) -> None:
    SCHEMA.decode(obj)
    assert SCHEMA.decode(obj) == []
    SCHEMA.default(obj)
    once = copy.deepcopy(obj)
    SCHEMA.default(obj)
    assert obj == once
    before = copy.deepcopy(obj)
    SCHEMA.check(obj)
    assert obj == before


def update(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    wrong = SCHEMA.check_update({"spec": {"replicas": 1, **new}}, {"spec": {"replicas": 1, **old}})
    return [c.field for c in wrong]


def test_an_update_may_leave_alone_what_was_already_wrong() -> None:
    assert update({"color": "blue"}, {"color": "blue", "step": 5}) == []
    assert update({"color": "blue"}, {"color": "pink"}) == ["spec.color"]
    assert update({}, {"color": "blue"}) == ["spec.color"]
    assert update({"step": 7, "color": "blue"}, {"step": 8, "color": "blue"}) == ["spec.step"]


def test_entries_of_list_maps_are_followed_by_their_key() -> None:
    bad = {"name": "a", "number": "x"}
    assert update({"ports": [bad]}, {"ports": [{"name": "b"}, bad]}) == []
    assert update({"ports": [{"name": "a"}]}, {"ports": [bad]}) == ["spec.ports[0].number"]
    assert update({"tags": ["a", 1]}, {"tags": ["b", 1]}) == ["spec.tags[1]"]
    assert update({"tags": ["a", 1]}, {"tags": ["a", 1]}) == []


def test_what_is_never_forgiven() -> None:
    twice = {"tags": ["a", "a"]}
    assert update(twice, twice) == ["spec.tags[1]"]
    both = {"pick": {"a": "x", "b": "y"}}
    assert update(both, both) == ["<nil>"]
    missing = SCHEMA.check_update({"spec": {"step": 5}}, {"spec": {}})
    assert [c.field for c in missing] == ["spec.replicas"]
    assert SCHEMA.check_update({"spec": {}, "status": {}}, {"spec": {}}) == []
