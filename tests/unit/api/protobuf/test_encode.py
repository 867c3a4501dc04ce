"""Objects as protobuf: nothing is lost on the way there and back, and others can read it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from random import Random
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.unknown_fields import UnknownFieldSet
from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.api import protobuf
from grappe.api.errors import ApiError
from grappe.api.protobuf import special
from grappe.api.protobuf.encode import (
    encoder,
    envelope,
    json_names,
    list_ends,
    list_item,
    list_tags,
    object_encoder,
    watch_frame,
)
from grappe.api.protobuf.table import Field, is_list, message, message_of_kind
from grappe.api.resources import BUILTIN, Resource
from grappe.api.schema import builtin_schema
from tests.unit.api.protobuf.json_values import value_of

_META_KINDS = ("Status", "APIGroup", "APIGroupList", "APIResourceList", "APIVersions")
KINDS = sorted(
    {(resource.api_version, resource.kind) for resource in BUILTIN}
    | {("v1", kind) for kind in (*_META_KINDS, "DeleteOptions")}
    | {
        ("autoscaling/v1", "Scale"),
        ("policy/v1", "Eviction"),
        ("authentication.k8s.io/v1", "TokenRequest"),
        ("apidiscovery.k8s.io/v2", "APIGroupDiscoveryList"),
        ("meta.k8s.io/v1", "PartialObjectMetadataList"),
        ("meta.k8s.io/v1beta1", "PartialObjectMetadataList"),
    }
)
_quick = settings(max_examples=15, deadline=None)
_seeds = st.integers(0, 2**32)


def _typed(api_version: str, kind: str, obj: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, **obj}


# -- there and back --------------------------------------------------------------------------------


@pytest.mark.parametrize(("api_version", "kind"), KINDS)
@_quick
@given(seed=_seeds)
def test_every_kind_comes_back_as_it_was(api_version: str, kind: str, seed: int) -> None:
    name = message_of_kind(api_version, kind)
    assert name is not None
    obj = _typed(api_version, kind, value_of(name, Random(seed)))
    assert protobuf.decode(protobuf.encode(obj)) == obj


@pytest.mark.parametrize(("api_version", "kind"), KINDS)
@_quick
@given(seed=_seeds)
def test_google_reads_every_kind(api_version: str, kind: str, seed: int) -> None:
    """An independent implementation of the wire format finds every field, none unknown."""
    name = message_of_kind(api_version, kind)
    assert name is not None
    obj = _typed(api_version, kind, value_of(name, Random(seed)))
    read = _google(name).FromString(encoder(name)(obj))
    assert not list(_unknown(read))
    again = envelope(api_version, kind, read.SerializeToString())
    assert protobuf.decode(again) == obj


@pytest.mark.parametrize("resource", BUILTIN, ids=lambda r: f"{r.api_version}/{r.kind}")
def test_every_published_field_has_a_number(resource: Resource) -> None:
    """The schema and the table come from different files; neither may know what the other does
    not."""
    name = message_of_kind(resource.api_version, resource.kind)
    assert name is not None
    _compare(builtin_schema(resource.api_version, resource.kind).root, name, set())


def _compare(node: Any, name: str, seen: set[str]) -> None:
    if name in seen:
        return
    seen.add(name)
    published, numbered = set(node.properties), set(json_names(name))
    assert published - numbered <= {"apiVersion", "kind"}, name
    assert numbered <= published, name
    for field in _fields(name):
        if field.type in special.SPECIAL or field.type in special.UNIONS or is_list(field.type):
            continue
        if "." in field.type:
            child = node.properties[field.name]
            inner = {"one": child, "list": child.items, "map": child.values}[field.shape]
            _compare(inner, field.type, seen)


def _fields(name: str) -> Iterator[Field]:
    for field in message(name).values():
        if field.inline:
            yield from _fields(field.type)
        else:
            yield field


# -- what is told apart and what is not ------------------------------------------------------------


def test_what_kubectl_reads_of_a_config_map() -> None:
    obj = _typed("v1", "ConfigMap", {"metadata": {"name": "a"}, "data": {"x": "y"}})
    assert protobuf.encode(obj) == (
        b"k8s\0"
        b"\x0a\x0f\x0a\x02v1\x12\x09ConfigMap"
        b"\x12\x0d\x0a\x03\x0a\x01a\x12\x06\x0a\x01x\x12\x01y"
        b"\x1a\x00\x22\x00"
    )


def test_null_is_absent_and_an_empty_pointer_is_there() -> None:
    pod = {"metadata": {"creationTimestamp": None}, "spec": {"securityContext": {}, "volumes": []}}
    back = protobuf.decode(protobuf.encode(_typed("v1", "Pod", pod)))
    assert back == _typed("v1", "Pod", {"spec": {"securityContext": {}}})


def test_a_raw_extension_may_hold_protobuf() -> None:
    inner = {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "b"}}
    raw = protobuf.encode(inner)
    data = special.delimited(b"\x12", special.delimited(b"\x0a", raw)) + b"\x18\x07"
    body = envelope("apps/v1", "ControllerRevision", data)
    found = protobuf.decode(body)
    assert (found["data"], found["revision"]) == (inner, 7)


def test_a_watch_frame_is_a_length_and_an_event_around_a_whole_body() -> None:
    body = protobuf.encode({"apiVersion": "v1", "kind": "Status", "message": "x" * 300})
    frame = watch_frame("ADDED", body)
    assert int.from_bytes(frame[:4], "big") == len(frame) - 4
    read = _google("k8s.io.apimachinery.pkg.apis.meta.v1.WatchEvent").FromString(frame[4:])
    assert (read.field1, read.field2.field1) == ("ADDED", body)


def test_a_list_is_its_metadata_and_its_items() -> None:
    one = _typed("v1", "ConfigMap", {"metadata": {"name": "a"}})
    item = list_item(list_tags("v1", "ConfigMapList")[1], object_encoder("v1", "ConfigMap")(one))
    metadata = {"resourceVersion": "7", "continue": "c", "remainingItemCount": 3}
    before, after = list_ends("v1", "ConfigMapList", metadata, 2 * len(item))
    found = protobuf.decode(before + item + item + after)
    assert found["metadata"] == metadata
    assert [entry["metadata"]["name"] for entry in found["items"]] == ["a", "a"]


def test_a_kind_without_protobuf_is_not_acceptable() -> None:
    with pytest.raises(ApiError) as refused:
        protobuf.encode({"apiVersion": "example.com/v1", "kind": "Widget"})
    assert (refused.value.code, refused.value.reason) == (406, "NotAcceptable")


# -- Google's implementation over the same table ---------------------------------------------------

_SCALARS = {
    "string": descriptor_pb2.FieldDescriptorProto.TYPE_STRING,
    "bytes": descriptor_pb2.FieldDescriptorProto.TYPE_BYTES,
    "bool": descriptor_pb2.FieldDescriptorProto.TYPE_BOOL,
    "int32": descriptor_pb2.FieldDescriptorProto.TYPE_INT32,
    "int64": descriptor_pb2.FieldDescriptorProto.TYPE_INT64,
    "double": descriptor_pb2.FieldDescriptorProto.TYPE_DOUBLE,
}
_MESSAGE = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
_OPTIONAL = descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL
_REPEATED = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED


@cache
def _google(root: str) -> Any:
    """The class of a message; it and all it may contain are described from the table."""
    file = descriptor_pb2.FileDescriptorProto(name="one.proto", package="all", syntax="proto2")
    known: set[str] = set()
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if name in known:
            continue
        known.add(name)
        described = file.message_type.add(name=_flat(name))
        for number, field in message(name).items():
            label = _OPTIONAL if field.shape == "one" else _REPEATED
            made = described.field.add(name=f"field{number}", number=number, label=label)
            if field.shape == "map":
                entry = described.nested_type.add(name=f"Field{number}Entry")
                entry.options.map_entry = True
                entry.field.add(name="key", number=1, label=_OPTIONAL, type=_SCALARS["string"])
                made.type = _MESSAGE
                made.type_name = f".all.{_flat(name)}.{entry.name}"
                made = entry.field.add(name="value", number=2, label=_OPTIONAL)
            made.type = _SCALARS.get(field.type, _MESSAGE)
            if field.type not in _SCALARS:
                made.type_name = f".all.{_flat(field.type)}"
                waiting.append(field.type)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)  # type: ignore[no-untyped-call]
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"all.{_flat(root)}"))


def _flat(name: str) -> str:
    return name.replace(".", "_")


def _unknown(found: Any) -> Any:
    yield from UnknownFieldSet(found)
    for field, value in found.ListFields():
        if field.message_type is None:
            continue
        parts = [value]
        if field.message_type.GetOptions().map_entry:
            holds_messages = field.message_type.fields_by_name["value"].message_type
            parts = list(value.values()) if holds_messages else []
        elif not hasattr(value, "ListFields"):  # repeated
            parts = list(value)
        for part in parts:
            yield from _unknown(part)
