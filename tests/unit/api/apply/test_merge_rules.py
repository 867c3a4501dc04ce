"""What structured-merge-diff promises of each type of list, map and struct, one rule a test.

https://kubernetes.io/docs/reference/using-api/server-side-apply/#merge-strategy
"""

from __future__ import annotations

from typing import Any

import pytest

from grappe.api import Object
from grappe.api.apply import apply, track_update
from grappe.api.errors import ApiError
from grappe.api.schema import builtin_schema, crd_schema

V1 = "example.com/v1"
STRING = {"type": "string"}
ITEM = {
    "type": "object",
    "required": ["key"],
    "properties": {"key": STRING, "other": STRING, "value": STRING},
}
SCHEMA = crd_schema(
    {
        "type": "object",
        "properties": {
            "set": {"type": "array", "items": STRING, "x-kubernetes-list-type": "set"},
            "atomic": {"type": "array", "items": STRING, "x-kubernetes-list-type": "atomic"},
            "plain": {"type": "array", "items": STRING},
            "map": {"type": "object", "additionalProperties": STRING},
            "atomicMap": {
                "type": "object",
                "additionalProperties": STRING,
                "x-kubernetes-map-type": "atomic",
            },
            "struct": {"type": "object", "properties": {"a": STRING, "b": STRING}},
            "entries": {
                "type": "array",
                "items": ITEM,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["key"],
            },
            "pairs": {
                "type": "array",
                "items": ITEM,
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["other", "key"],
            },
        },
    }
)
DEPLOYMENT = builtin_schema("apps/v1", "Deployment")
Entry = tuple[str, str, str]
"""Operation, manager and subresource."""


def put(
    live: Object | None, manager: str, *, force: bool = False, second: int = 0, **fields: Any
) -> Object:
    """`live` after an apply of these fields."""
    configuration = {"apiVersion": V1, "kind": "X", "metadata": {"name": "x"}, **fields}
    return apply(
        live,
        configuration,
        manager=manager,
        api_version=V1,
        schema=SCHEMA,
        now=f"2026-01-01T00:00:{second:02}Z",
        force=force,
    )


def update(
    live: Object | None, manager: str, *, second: int = 0, subresource: str = "", **fields: Any
) -> Object:
    """`live` after an update to exactly these fields."""
    new: Object = {"apiVersion": V1, "kind": "X", "metadata": {"name": "x"}, **fields}
    track_update(
        live,
        new,
        manager=manager,
        api_version=V1,
        schema=SCHEMA,
        now=f"2026-01-01T00:00:{second:02}Z",
        subresource=subresource,
    )
    return new


def owned(obj: Object, manager: str) -> Any:
    found = [e["fieldsV1"] for e in obj["metadata"]["managedFields"] if e["manager"] == manager]
    return found[0] if found else None


def order(obj: Object) -> list[Entry]:
    return [
        (e["operation"], e["manager"], e.get("subresource", ""))
        for e in obj["metadata"]["managedFields"]
    ]


def test_appliers_add_to_a_set_and_each_takes_only_its_own_away() -> None:
    obj = put(None, "one", set=["a", "b"])
    obj = put(obj, "two", set=["b", "c"])
    assert obj["set"] == ["a", "b", "c"]
    obj = put(obj, "one", set=["a"])
    assert obj["set"] == ["a", "b", "c"]  # b is still applied by two
    obj = put(obj, "two", set=["c"])
    assert obj["set"] == ["a", "c"]
    assert owned(obj, "two") == {"f:set": {'v:"c"': {}}}


@pytest.mark.parametrize("field", ["atomic", "plain"])
def test_a_list_without_a_type_is_one_value(field: str) -> None:
    obj = put(None, "one", **{field: ["a"]})
    assert owned(obj, "one") == {f"f:{field}": {}}
    with pytest.raises(ApiError, match=rf"\.{field}"):
        put(obj, "two", **{field: ["a", "b"]})
    obj = put(obj, "two", force=True, **{field: ["b"]})
    assert obj[field] == ["b"]
    assert owned(obj, "one") is None


def test_an_atomic_map_is_one_value() -> None:
    obj = put(None, "one", atomicMap={"a": "1"})
    with pytest.raises(ApiError, match=r"\.atomicMap"):
        put(obj, "two", atomicMap={"b": "1"})
    assert put(obj, "two", force=True, atomicMap={"b": "1"})["atomicMap"] == {"b": "1"}


def test_entries_of_a_map_are_owned_one_by_one() -> None:
    obj = put(put(None, "one", map={"a": "1"}), "two", map={"b": "2"})
    assert obj["map"] == {"a": "1", "b": "2"}
    with pytest.raises(ApiError, match=r"\.map\.b"):
        put(obj, "one", map={"a": "1", "b": "3"})
    assert put(obj, "one")["map"] == {"b": "2"}


def test_fields_of_an_entry_may_have_several_owners() -> None:
    obj = put(None, "one", entries=[{"key": "k", "value": "1"}])
    obj = put(obj, "two", entries=[{"key": "k", "other": "2"}])
    assert obj["entries"] == [{"key": "k", "value": "1", "other": "2"}]
    obj = put(obj, "one")
    assert obj["entries"] == [{"key": "k", "other": "2"}]
    assert "entries" not in put(obj, "two")


def test_entries_with_several_keys_are_named_in_the_order_of_the_keys_names() -> None:
    obj = put(None, "one", pairs=[{"key": "k", "other": "o", "value": "1"}])
    name = 'k:{"key":"k","other":"o"}'
    assert owned(obj, "one") == {
        "f:pairs": {name: {".": {}, "f:key": {}, "f:other": {}, "f:value": {}}}
    }


def test_an_empty_struct_is_owned_itself() -> None:
    obj = put(None, "one", struct={})
    assert owned(obj, "one") == {"f:struct": {}}
    assert obj["struct"] == {}


def test_an_update_takes_over_and_an_apply_finds_it_in_conflict() -> None:
    obj = put(None, "one", map={"a": "1", "b": "2"})
    obj = update(obj, "somebody", second=1, map={"a": "9", "b": "2"})
    assert owned(obj, "one") == {"f:map": {"f:b": {}}}
    assert owned(obj, "somebody") == {"f:map": {"f:a": {}}}
    with pytest.raises(ApiError) as caught:
        put(obj, "one", map={"a": "1", "b": "2"})
    assert caught.value.details is not None
    (cause,) = caught.value.details["causes"]
    assert cause["field"] == ".map.a"
    assert cause["message"] == 'conflict with "somebody" using example.com/v1'
    obj = put(obj, "one", force=True, map={"a": "1", "b": "2"})
    assert owned(obj, "somebody") is None


def test_giving_a_field_up_leaves_it_to_the_others() -> None:
    obj = put(put(None, "one", map={"a": "1"}), "two", map={"a": "1"})
    obj = put(obj, "one")
    assert (obj["map"], owned(obj, "one")) == ({"a": "1"}, None)
    assert "map" not in put(obj, "two")


def test_what_an_update_removes_nobody_owns() -> None:
    obj = put(None, "one", map={"a": "1", "b": "2"})
    obj = update(obj, "somebody", map={"b": "2"})
    assert owned(obj, "one") == {"f:map": {"f:b": {}}}
    assert owned(obj, "somebody") is None


def test_who_was_there_before_the_first_apply_keeps_what_is_not_applied() -> None:
    obj = update(None, "creator", map={"a": "1", "b": "2"})
    obj["metadata"].pop("managedFields")
    obj = put(obj, "one", map={"a": "1"})
    assert order(obj) == [("Apply", "one", ""), ("Update", "before-first-apply", "")]
    assert owned(obj, "before-first-apply") == {"f:map": {".": {}, "f:a": {}, "f:b": {}}}
    with pytest.raises(ApiError, match="before-first-apply"):
        put(obj, "one", map={"a": "2"})


def test_before_first_apply_is_noted_under_the_subresource_applied_to() -> None:
    live: Object = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {"replicas": 1},
    }
    found = apply(
        live,
        {**live, "spec": {}, "status": {"replicas": 1}},
        manager="one",
        api_version="apps/v1",
        schema=DEPLOYMENT,
        now="2026-01-01T00:00:00Z",
        force=False,
        subresource="status",
        reset_fields=(("spec",),),
    )
    assert order(found) == [("Apply", "one", "status"), ("Update", "before-first-apply", "status")]


def test_entries_stand_by_operation_time_and_name() -> None:
    obj = update(None, "z", second=1, map={"a": "1"})
    obj = update(obj, "y", second=3, map={"a": "1", "b": "1"})
    obj = put(obj, "x", second=4, map={"c": "1"})
    obj = put(obj, "w", second=2, map={"d": "1"})
    assert [name for _, name, _ in order(obj)] == ["w", "x", "z", "y"]
    fields = {k: v for k, v in obj.items() if k in ("map", "set")}
    obj = update(obj, "y", second=3, subresource="status", **fields, set=["s"])
    assert order(obj)[2:] == [("Update", "z", ""), ("Update", "y", ""), ("Update", "y", "status")]


def test_appliers_are_never_put_together() -> None:
    obj = update(None, "m", map={"x": "0"})
    for n in range(12):
        obj = put(obj, f"applier-{n}", map={f"a{n}": "1"})
    for n in range(12):
        fields = {**obj["map"], f"u{n}": "1"}
        obj = update(obj, f"updater-{n:02}", second=n + 1, map=fields)
    names = [name for operation, name, _ in order(obj) if operation == "Update"]
    assert len(names) == 10
    assert "ancient-changes" in names
    assert sum(operation == "Apply" for operation, _, _ in order(obj)) == 12
    ancient = owned(obj, "ancient-changes")["f:map"]
    assert {"f:x", "f:u0", "f:u1", "f:u2"} <= set(ancient)


def test_kubectl_takes_over_only_what_was_applied_in_this_version() -> None:
    annotation = "kubectl.kubernetes.io/last-applied-configuration"
    for version, taken in ((V1, True), ("example.com/v2", False)):
        obj = update(None, "kubectl-client-side-apply", map={"a": "1"})
        former = f'{{"apiVersion":"{version}","kind":"X","map":{{"a":"1"}}}}'
        obj["metadata"]["annotations"] = {annotation: former}
        if taken:
            assert put(obj, "kubectl", map={"a": "2"})["map"] == {"a": "2"}
        else:
            with pytest.raises(ApiError):
                put(obj, "kubectl", map={"a": "2"})
