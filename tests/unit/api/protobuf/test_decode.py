"""Protobuf bodies as kubectl and client-go send them."""

from __future__ import annotations

import contextlib
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api import protobuf
from grappe.api.errors import ApiError
from grappe.api.protobuf import wire
from grappe.api.protobuf.table import message, message_of_kind
from grappe.api.resources import BUILTIN, Resource


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value & (2**64 - 1))


def varint(value: int) -> bytes:
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def part(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(data)) + data


def body(api_version: str, kind: str, raw: bytes) -> bytes:
    return b"k8s\0" + part(1, part(1, api_version) + part(2, kind)) + part(2, raw)


def test_what_kubectl_create_configmap_sends() -> None:
    """Bytes seen on the wire: empty strings and an empty creationTimestamp are spelled out."""
    sent = bytes.fromhex(
        "6b3873000a0f0a0276311209436f6e6669674d6170121b0a110a01611200"
        "1a0022002a0032003800420012060a01781201791a002200"
    )
    assert protobuf.decode(sent) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a"},
        "data": {"x": "y"},
    }


def test_inlined_structs_stand_in_what_is_around_them() -> None:
    volume = part(1, "scratch") + part(2, part(2, part(1, "")))
    pod = part(2, part(1, volume))
    decoded = protobuf.decode(body("v1", "Pod", pod))
    assert decoded["spec"]["volumes"] == [{"name": "scratch", "emptyDir": {}}]


def test_pointers_keep_their_zeros_and_values_lose_them() -> None:
    spec = number(1, 0) + number(5, 0)  # replicas is a pointer, minReadySeconds is not
    decoded = protobuf.decode(body("apps/v1", "Deployment", part(2, spec)))
    assert decoded["spec"]["replicas"] == 0
    assert "minReadySeconds" not in decoded["spec"]


def test_special_types() -> None:
    limits = part(1, part(1, "cpu") + part(2, part(1, "100m")))
    ports = part(6, number(2, 8080))
    container = part(1, "c") + ports + part(8, limits)
    pod = part(1, part(1, "p") + part(8, number(1, 1767225600))) + part(2, part(2, container))
    decoded = protobuf.decode(body("v1", "Pod", pod))
    assert decoded["metadata"]["creationTimestamp"] == "2026-01-01T00:00:00Z"
    (found,) = decoded["spec"]["containers"]
    assert found["resources"] == {"limits": {"cpu": "100m"}}


@pytest.mark.parametrize(
    ("raw", "expected"),
    [(number(1, 0) + number(2, 80), 80), (number(1, 1) + part(3, "http"), "http")],
    ids=["number", "name"],
)
def test_int_or_string(raw: bytes, expected: Any) -> None:
    service = part(2, part(1, part(1, "web") + number(3, 80) + part(4, raw)))
    decoded = protobuf.decode(body("v1", "Service", service))
    assert decoded["spec"]["ports"][0]["targetPort"] == expected


def test_secrets_are_base64_and_negative_numbers_survive() -> None:
    entry = part(1, "key") + part(2, b"\x00\xff")
    decoded = protobuf.decode(body("v1", "Secret", part(2, entry)))
    assert decoded["data"] == {"key": "AP8="}
    decoded = protobuf.decode(body("scheduling.k8s.io/v1", "PriorityClass", number(2, -5)))
    assert decoded["value"] == -5


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (part(1, "k") + part(2, "v"), {"k": "v"}),
        (part(2, "v") + part(1, "k"), {"k": "v"}),
        (part(1, "k"), {"k": ""}),
        (part(2, "v"), {"": "v"}),
        (b"", {"": ""}),
        (part(1, "k") + part(2, "v") + part(2, "w"), {"k": "w"}),
        (part(1, "k" * 200) + part(2, "v" * 300), {"k" * 200: "v" * 300}),
        (part(1, "k") + part(2, "v" * 127) + number(3, 1), {"k": "v" * 127}),
    ],
    ids=["both", "turned", "no value", "no key", "nothing", "twice", "long", "more"],
)
def test_entries_of_a_map(entry: bytes, expected: dict[str, str]) -> None:
    decoded = protobuf.decode(body("v1", "ConfigMap", part(2, entry)))
    assert decoded["data"] == expected


def test_lists_of_numbers_may_be_packed() -> None:
    groups = number(4, 5) + part(4, varint(6) + varint(700)) + number(4, 7)
    pod = part(2, part(14, groups))
    decoded = protobuf.decode(body("v1", "Pod", pod))
    assert decoded["spec"]["securityContext"]["supplementalGroups"] == [5, 6, 700, 7]


@pytest.mark.parametrize(
    "raw",
    [number(2, 1), part(2, part(5, "x")), part(2, part(1, number(2, 3)))],
    ids=["a number for a message", "text for a number", "a number for a message in a list"],
)
def test_a_field_of_another_type_is_a_bad_request(raw: bytes) -> None:
    with pytest.raises(ApiError, match=r"damaged: wire type \d does not fit field"):
        protobuf.decode(body("v1", "Pod", raw))


def test_request_options_belong_to_every_group() -> None:
    decoded = protobuf.decode(body("apps/v1", "DeleteOptions", number(1, 0) + part(4, "Orphan")))
    assert decoded["gracePeriodSeconds"] == 0
    assert decoded["propagationPolicy"] == "Orphan"


def test_schemas_of_custom_resource_definitions() -> None:
    false_or = number(1, 0)
    schema = part(5, "object") + part(30, false_or)
    found = message("k8s.io.apiextensions_apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps")
    assert found[30].name == "additionalProperties"
    version = part(1, "v1") + part(4, part(1, schema))
    crd = part(2, part(7, version))
    decoded = protobuf.decode(body("apiextensions.k8s.io/v1", "CustomResourceDefinition", crd))
    (served,) = decoded["spec"]["versions"]
    assert served["schema"]["openAPIV3Schema"] == {"type": "object", "additionalProperties": False}


@pytest.mark.parametrize("resource", BUILTIN, ids=lambda r: f"{r.api_version}/{r.kind}")
def test_every_builtin_kind_has_a_message(resource: Resource) -> None:
    assert message_of_kind(resource.api_version, resource.kind)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"{}", "does not appear to be a protobuf message"),
        (body("v1", "Nonsense", b""), 'no kind "Nonsense" is registered for version "v1"'),
        (body("v1", "Pod", b"\x0a\xff"), "damaged"),
        (body("v1", "Pod", b"\x0b"), "damaged"),
    ],
    ids=["json", "unknown kind", "cut off", "odd wire type"],
)
def test_damaged_bodies_are_bad_requests(sent: bytes, told: str) -> None:
    with pytest.raises(ApiError, match=told) as caught:
        protobuf.decode(sent)
    assert caught.value.code == 400


@given(st.sampled_from(BUILTIN), st.binary(max_size=200))
def test_any_bytes_are_an_object_or_a_bad_request(resource: Resource, raw: bytes) -> None:
    with contextlib.suppress(ApiError):
        assert isinstance(protobuf.decode(body(resource.api_version, resource.kind, raw)), dict)


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_varints_survive(value: int) -> None:
    assert wire.signed(wire.varint(varint(value & (2**64 - 1)), 0)[0]) == value


@given(st.floats(allow_nan=False))
def test_doubles_survive(value: float) -> None:
    assert wire.double(struct.pack("<d", value)) == value
