"""Types and values of objects by their schemas."""

from __future__ import annotations

import keyword
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.cel.operators import add
from grappe.api.cel.types import Schemas, adapter, escape
from grappe.api.cel.values import Duration, MapList, SetList, Timestamp, compare, equal
from grappe.api.schema import Node


def node(**schema: Any) -> Node:
    return Node({"type": "object", "properties": schema}, custom=True)


def test_schemas_become_types() -> None:
    fields = (
        Schemas("t")
        .type_of(
            node(
                when={"type": "string", "format": "date-time"},
                port={"x-kubernetes-int-or-string": True},
                ratio={"type": "number"},
                free={"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                tags={"type": "array", "items": {"type": "string"}},
                by={"type": "object", "additionalProperties": {"type": "integer"}},
            )
        )
        .fields
    )
    assert {name: found.kind for name, found in fields.items()} == {
        "when": "timestamp",
        "port": "dyn",
        "ratio": "double",
        "free": "dyn",
        "tags": "list",
        "by": "map",
    }


@pytest.mark.parametrize(
    ("name", "identifier"),
    [
        ("namespace", "__namespace__"),
        ("a-b", "a__dash__b"),
        ("a.b/c", "a__dot__b__slash__c"),
        ("a__b", "a__underscores__b"),
        ("plain", "plain"),
        ("$ref", None),
    ],
)
def test_names_are_escaped(name: str, identifier: str | None) -> None:
    assert escape(name) == identifier


@given(st.lists(st.text("ab_.-/", min_size=1, max_size=6), unique=True, max_size=6))
def test_no_two_names_share_an_identifier(names: list[str]) -> None:
    escaped = [escape(name) for name in names]
    found = [one for one in escaped if one is not None]
    assert len(set(found)) == len(found)
    assert all(one.isidentifier() or keyword.iskeyword(one) for one in found)


def test_values_are_made_only_where_the_schema_needs_it() -> None:
    assert adapter(node(a={"type": "string"}, b={"type": "integer"})) is None
    adapt = adapter(
        node(
            when={"type": "string", "format": "date-time"},
            ratio={"type": "number"},
            **{"a-b": {"type": "string"}},
        )
    )
    assert adapt is not None
    found = adapt({"when": "1970-01-01T00:00:01Z", "ratio": 1, "a-b": "x", "rest": 1})
    assert found == {"when": Timestamp(10**9), "ratio": 1.0, "a__dash__b": "x", "rest": 1}
    assert isinstance(found["ratio"], float)


def test_sets_and_maps_of_lists_keep_their_own_equality_and_sum() -> None:
    assert equal(SetList(["a", "b"]), SetList(["b", "a"]))
    assert add(SetList(["a"]), ["b", "a"]) == ["a", "b"]
    one, other = MapList([{"k": 1, "v": 1}, {"k": 2}]), MapList([{"k": 2}, {"k": 1, "v": 1}])
    one.keys = other.keys = ("k",)
    assert equal(one, other)
    assert add(one, [{"k": 1, "v": 9}, {"k": 3}]) == [{"k": 1, "v": 9}, {"k": 2}, {"k": 3}]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=8,
)


@given(json_values, json_values)
def test_equality_is_symmetric_and_every_value_equals_itself(left: Any, right: Any) -> None:
    assert equal(left, left)
    assert equal(left, right) == equal(right, left)


@given(st.integers(-(10**14), 10**14))
def test_times_and_durations_are_read_as_they_are_written(nanos: int) -> None:
    assert Duration.parse(str(Duration(nanos))) == Duration(nanos)
    assert Timestamp.parse(str(Timestamp(nanos))) == Timestamp(nanos)
    assert compare(Duration(nanos), Duration(nanos + 1)) < 0
