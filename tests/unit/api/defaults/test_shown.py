"""What is always shown, held against the marks of the Go types."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.api.apply import track_update
from grappe.api.defaults import apply_defaults
from grappe.api.defaults.shown import SHOWN
from grappe.api.protobuf.table import Field, message, message_of_kind
from grappe.api.resources import BUILTIN, Resource
from grappe.api.schema import builtin_schema

KINDS = [r for r in BUILTIN if (r.group, r.kind) in SHOWN]


def field(message_name: str, name: str) -> Field:
    for found in message(message_name).values():
        if found.name == name:
            return found
        if found.inline and any(inner.name == name for inner in message(found.type).values()):
            return field(found.type, name)
    raise KeyError((message_name, name))


def test_every_kind_of_the_table_is_served() -> None:
    assert {(r.group, r.kind) for r in KINDS} == set(SHOWN)


@pytest.mark.parametrize("resource", KINDS, ids=lambda r: f"{r.group}/{r.kind}")
def test_what_is_shown_is_a_struct_and_no_pointer(resource: Resource) -> None:
    for way, last in SHOWN[resource.group, resource.kind]:
        name = message_of_kind(resource.api_version, resource.kind)
        assert name is not None
        for step in way:
            name = field(name, step).type
        found = field(name, last)
        assert (found.shape, found.pointer) == ("one", False)
        assert message(found.type)


def at(obj: Any, way: tuple[str, ...]) -> Any:
    for step in way:
        obj = obj[step]
    return obj


@pytest.mark.parametrize("resource", KINDS, ids=lambda r: f"{r.group}/{r.kind}")
def test_it_is_there_and_nobody_owns_it(resource: Resource) -> None:
    obj: dict[str, Any] = {"metadata": {"name": "a"}}
    for way, last in SHOWN[resource.group, resource.kind]:
        inside = obj
        for step in way:
            inside = inside.setdefault(step, {})
        assert last not in inside or isinstance(inside[last], dict)
    apply_defaults(resource, obj)
    schema = builtin_schema(resource.api_version, resource.kind)
    track_update(
        None,
        obj,
        manager="me",
        api_version=resource.api_version,
        schema=schema,
        now="2026-01-01T00:00:00Z",
    )
    entries = obj["metadata"].get("managedFields", [])
    for way, last in SHOWN[resource.group, resource.kind]:
        assert isinstance(at(obj, way)[last], dict)
        fields = entries[0]["fieldsV1"] if entries else {}
        for step in (*way, last):
            fields = fields.get(f"f:{step}", {})
        assert "." not in fields, (way, last)


def test_what_is_not_there_gets_nothing() -> None:
    ingress = next(r for r in KINDS if r.kind == "Ingress")
    obj: dict[str, Any] = {"metadata": {"name": "a"}, "spec": {"rules": []}}
    apply_defaults(ingress, obj)
    assert "status" not in obj
