from collections.abc import Iterator

import orjson
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.openapi import v2_document, v2_protobuf
from grappe.api.resources import CONFIG_MAPS


def fields(data: bytes) -> Iterator[tuple[int, bytes | int]]:
    """(number, value) of each field of a message; varints and bytes only."""
    at = 0

    def varint() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        elif tag & 7 == 1:
            yield tag >> 3, data[at : at + 8]
            at += 8
        else:
            assert tag & 7 == 2
            size = varint()
            yield tag >> 3, data[at : at + size]
            at += size


def all_of(data: bytes, number: int) -> list[bytes]:
    return [v for n, v in fields(data) if n == number and isinstance(v, bytes)]


def one(data: bytes, number: int) -> bytes:
    (found,) = all_of(data, number)
    return found


def named(data: bytes, number: int) -> dict[str, bytes]:
    """The entries of a map field."""
    return {one(entry, 1).decode(): one(entry, 2) for entry in all_of(data, number)}


DOCUMENT = orjson.loads(v2_document([CONFIG_MAPS]))


def test_definitions_and_paths_are_all_there() -> None:
    data = v2_protobuf(DOCUMENT)
    assert one(data, 1) == b"2.0"
    definitions = named(one(data, 9), 1)
    assert set(definitions) == set(DOCUMENT["definitions"])
    assert set(named(one(data, 8), 2)) == set(DOCUMENT["paths"])
    config_map = definitions["io.k8s.api.core.v1.ConfigMap"]
    assert one(one(config_map, 22), 1) == b"object"
    properties = named(one(config_map, 25), 1)
    own = DOCUMENT["definitions"]["io.k8s.api.core.v1.ConfigMap"]["properties"]
    assert set(properties) == set(own)
    assert one(properties["metadata"], 1).decode() == own["metadata"]["$ref"]
    values = one(one(properties["data"], 21), 1)
    assert one(one(values, 22), 1) == b"string"
    marks = named(config_map, 31)["x-kubernetes-group-version-kind"]
    assert orjson.loads(one(marks, 2)) == [{"group": "", "kind": "ConfigMap", "version": "v1"}]


def test_operations_say_their_action_and_parameters() -> None:
    item = named(one(v2_protobuf(DOCUMENT), 8), 2)[
        "/api/v1/namespaces/{namespace}/configmaps/{name}"
    ]
    patch = one(item, 8)
    assert orjson.loads(one(named(patch, 13)["x-kubernetes-action"], 2)) == "patch"
    assert one(patch, 5) == b"patchCoreV1NamespacedConfigMap"
    taken, *others = (one(p, 1) for p in all_of(patch, 8))
    target = "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Patch"
    assert one(one(one(taken, 1), 5), 1).decode() == target
    assert b"fieldValidation" in [one(one(one(p, 2), 3), 4) for p in others]
    answers = named(one(patch, 9), 1)
    assert set(answers) == {"200", "201", "401"}
    given = one(one(one(one(answers["200"], 1), 2), 1), 1)
    assert given == b"#/definitions/io.k8s.api.core.v1.ConfigMap"
    assert len(all_of(item, 9)) == 2


schemas = st.fixed_dictionaries(
    {"type": st.sampled_from(["object", "string"])},
    optional={
        "description": st.text(max_size=300),
        "minimum": st.floats(allow_nan=False),
        "maxLength": st.integers(0, 2**40),
        "required": st.lists(st.text(max_size=5), max_size=3),
        "enum": st.lists(st.integers(-9, 9) | st.text(max_size=3), max_size=3),
        "default": st.integers(-9, 9),
        "additionalProperties": st.booleans(),
        "x-kubernetes-list-type": st.just("set"),
    },
)


@given(st.dictionaries(st.text(max_size=200), schemas, max_size=4))
def test_any_definitions_can_be_read_back(definitions: dict[str, dict[str, object]]) -> None:
    found = named(one(v2_protobuf({**DOCUMENT, "definitions": definitions}), 9), 1)
    assert set(found) == set(definitions)
    for name, schema in definitions.items():
        described = [d.decode() for d in all_of(found[name], 4)]
        assert described == ([schema["description"]] if "description" in schema else [])
        required = schema.get("required", [])
        assert [r.decode() for r in all_of(found[name], 19)] == required
