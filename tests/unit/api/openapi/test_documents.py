from typing import Any

import orjson
import pytest

from grappe.api.openapi import CustomKind, v2_document, v3_document, v3_hashes, v3_index
from grappe.api.openapi.enums import _enums
from grappe.api.resources import BUILTIN, Resource
from grappe.api.schema.definitions import definition

WIDGET = CustomKind(
    Resource("example.com", "v1", "widgets", "Widget", subresources=frozenset({"status"})),
    {
        "type": "object",
        "properties": {
            "spec": {
                "type": "object",
                "description": "What is wanted.",
                "required": ["size"],
                "properties": {
                    "size": {"type": "integer", "default": 1},
                    "port": {
                        "x-kubernetes-int-or-string": True,
                        "anyOf": [{"type": "integer"}, {"type": "string"}],
                    },
                },
            }
        },
    },
)


def references(value: Any) -> set[str]:
    found: set[str] = set()
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            found.add(value["$ref"])
        for inner in value.values():
            found |= references(inner)
    elif isinstance(value, list):
        for inner in value:
            found |= references(inner)
    return found


GROUP_VERSIONS = sorted({(r.group, r.version) for r in BUILTIN})


@pytest.mark.parametrize(("group", "version"), GROUP_VERSIONS)
def test_every_v3_document_is_complete(group: str, version: str) -> None:
    document = orjson.loads(v3_document(group, version, BUILTIN))
    schemas = document["components"]["schemas"]
    for target in references(document):
        assert target.removeprefix("#/components/schemas/") in schemas
    marks = [m for s in schemas.values() for m in s.get("x-kubernetes-group-version-kind", ())]
    for resource in BUILTIN:
        if (resource.group, resource.version) == (group, version):
            gvk = {"group": group, "version": version, "kind": resource.kind}
            assert gvk in marks
            operations = [
                operation
                for path in document["paths"].values()
                for operation in path.values()
                if isinstance(operation, dict)
            ]
            assert any(o["x-kubernetes-group-version-kind"] == gvk for o in operations)


def test_kubectl_finds_field_validation_on_patch() -> None:
    document = orjson.loads(v3_document("apps", "v1", BUILTIN))
    path = document["paths"]["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]
    assert "fieldValidation" in [p["name"] for p in path["patch"]["parameters"]]
    assert path["get"]["x-kubernetes-action"] == "get"


def test_fields_carry_descriptions_and_patch_marks() -> None:
    document = orjson.loads(v3_document("", "v1", BUILTIN))
    schemas = document["components"]["schemas"]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["description"].startswith("List of containers belonging to the pod.")
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["items"] == {"$ref": "#/components/schemas/io.k8s.api.core.v1.Container"}
    spec = schemas["io.k8s.api.core.v1.Pod"]["properties"]["spec"]
    assert spec["allOf"] == [{"$ref": "#/components/schemas/io.k8s.api.core.v1.PodSpec"}]
    quantity = schemas["io.k8s.apimachinery.pkg.api.resource.Quantity"]
    assert quantity["oneOf"] == [{"type": "string"}, {"type": "number"}]


def test_custom_kinds_are_described_too() -> None:
    document = orjson.loads(v3_document("example.com", "v1", BUILTIN, [WIDGET]))
    schema = document["components"]["schemas"]["com.example.v1.Widget"]
    assert schema["properties"]["spec"]["description"] == "What is wanted."
    assert schema["properties"]["metadata"]["allOf"]
    assert "com.example.v1.WidgetList" in document["components"]["schemas"]
    assert "/apis/example.com/v1/namespaces/{namespace}/widgets/{name}/status" in document["paths"]
    for target in references(document):
        assert target.removeprefix("#/components/schemas/") in document["components"]["schemas"]


def test_v2_has_everything_in_one_document() -> None:
    document = orjson.loads(v2_document(BUILTIN, [WIDGET]))
    definitions = document["definitions"]
    for target in references(document):
        assert target.removeprefix("#/definitions/") in definitions
    assert definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"]["type"] == "string"
    spec = definitions["com.example.v1.Widget"]["properties"]["spec"]
    assert spec["properties"]["size"]["default"] == 1
    assert spec["properties"]["port"] == {"x-kubernetes-int-or-string": True}
    path = document["paths"]["/api/v1/namespaces/{namespace}/pods"]
    assert {"name": "limit", "in": "query", "type": "integer", "uniqueItems": True} in path["get"][
        "parameters"
    ]


def test_v2_leaves_open_what_kubectl_would_misread() -> None:
    def widget(openapi: dict[str, Any]) -> Any:
        document = orjson.loads(v2_document(BUILTIN, [WIDGET._replace(openapi=openapi)]))
        return document["definitions"]["com.example.v1.Widget"]

    kept = {"x-kubernetes-preserve-unknown-fields": True}
    anything = widget({"type": "object", "description": "Any.", **kept})
    mark = {"group": "example.com", "version": "v1", "kind": "Widget"}
    assert anything == {"type": "object", "x-kubernetes-group-version-kind": [mark]}
    items = {"type": "object", "properties": {"a": {"type": "string"}}, "description": "Any."}
    properties = {
        "open": {**items, **kept},
        "null": {**items, "nullable": True},
        "list": {"type": "array", "items": items, "nullable": True},
        "named": {"type": "object", "additionalProperties": {**items, "nullable": True}},
    }
    named = {**properties["named"], "required": ["a"]}
    found = widget(
        {
            "type": "object",
            "properties": {**properties, "named": named},
            "required": ["open", "null"],
        }
    )
    assert found["required"] == ["open"]
    assert found["properties"]["open"] == {"description": "Any.", **kept}
    assert found["properties"]["null"] == {"description": "Any."}
    assert found["properties"]["list"] == {}
    assert found["properties"]["named"] == {
        "type": "object",
        "additionalProperties": {"description": "Any."},
    }


@pytest.mark.parametrize("preserved", [True, False])
def test_embedded_resources_have_the_fields_of_every_object(preserved: bool) -> None:
    inner: dict[str, Any] = {"type": "object", "x-kubernetes-embedded-resource": True}
    if preserved:
        inner["x-kubernetes-preserve-unknown-fields"] = True
    kind = WIDGET._replace(openapi={"type": "object", "properties": {"template": inner}})
    v2 = orjson.loads(v2_document(BUILTIN, [kind]))["definitions"]
    v3 = orjson.loads(v3_document("example.com", "v1", BUILTIN, [kind]))["components"]["schemas"]
    for definitions, closed in ((v2, not preserved), (v3, True)):
        template = definitions["com.example.v1.Widget"]["properties"]["template"]
        assert ("properties" in template) is closed
        if closed:
            assert set(template["properties"]) == {"apiVersion", "kind", "metadata"}
            assert template["required"] == ["kind", "apiVersion"]


def test_the_index_changes_with_what_is_served() -> None:
    before = v3_hashes(BUILTIN)
    index = orjson.loads(v3_index(before))["paths"]
    url = index["apis/apps/v1"]["serverRelativeURL"]
    assert url == f"/openapi/v3/apis/apps/v1?hash={before['apis/apps/v1']}"
    assert "api/v1" in index
    after = v3_hashes(BUILTIN, [WIDGET])
    assert after["apis/apps/v1"] == before["apis/apps/v1"]
    changed = WIDGET._replace(openapi={"type": "object"})
    assert v3_hashes(BUILTIN, [changed])["apis/example.com/v1"] != after["apis/example.com/v1"]


def test_fields_with_few_values_list_them() -> None:
    document = orjson.loads(v3_document("", "v1", BUILTIN))
    spec = document["components"]["schemas"]["io.k8s.api.core.v1.PodSpec"]["properties"]
    assert spec["restartPolicy"]["enum"] == ["Always", "Never", "OnFailure"]


def test_every_listed_enum_is_of_a_text_field_there_is() -> None:
    for name, fields in _enums().items():
        properties = definition(name)["properties"]
        for field, values in fields.items():
            assert properties[field]["type"] == "string"
            assert values == sorted(values)


def test_v3_operations_say_what_they_take_and_give() -> None:
    document = orjson.loads(v3_document("", "v1", BUILTIN))
    prefix = "#/components/schemas/"
    pod = f"{prefix}io.k8s.api.core.v1.Pod"
    meta = f"{prefix}io.k8s.apimachinery.pkg.apis.meta.v1."
    pods = document["paths"]["/api/v1/namespaces/{namespace}/pods"]
    one = document["paths"]["/api/v1/namespaces/{namespace}/pods/{name}"]
    secret = document["paths"]["/api/v1/namespaces/{namespace}/secrets/{name}"]

    def taken(operation: Any) -> dict[str, str]:
        content = operation["requestBody"]["content"]
        return {kind: media["schema"]["$ref"] for kind, media in content.items()}

    def given(operation: Any, status: str = "200", kind: str = "application/json") -> str:
        found: str = operation["responses"][status]["content"][kind]["schema"]["$ref"]
        return found

    assert taken(pods["post"]) == taken(one["put"]) == {"*/*": pod}
    assert given(pods["post"], "201", "application/vnd.kubernetes.protobuf") == pod
    assert given(pods["get"], kind="application/json;stream=watch") == f"{pod}List"
    assert set(taken(one["patch"]).values()) == {f"{meta}Patch"}
    assert taken(one["delete"]) == {"*/*": f"{meta}DeleteOptions"}
    assert given(one["delete"]) == pod
    assert given(secret["delete"]) == given(pods["delete"]) == f"{meta}Status"
    assert "requestBody" not in one["get"]
    assert set(one["put"]["responses"]) == {"200", "201", "401"}


def test_custom_kinds_speak_no_protobuf() -> None:
    document = orjson.loads(v3_document("example.com", "v1", BUILTIN, [WIDGET]))
    path = document["paths"]["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"]
    answer = path["get"]["responses"]["200"]["content"]
    assert set(answer) == {"application/json", "application/yaml"}
    reference = answer["application/json"]["schema"]["$ref"]
    assert reference == "#/components/schemas/com.example.v1.Widget"
    assert reference.rpartition("/")[2] in document["components"]["schemas"]
