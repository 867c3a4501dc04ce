import subprocess
import sys
from typing import Any

import pytest

from grappe.api.resources import BUILTIN
from grappe.api.schema import DecodingError, Node, Schema, builtin_schema


def at(schema: Schema, path: tuple[str, ...]) -> Node | None:
    """The node at field names `path`; `[]` steps into a list's items."""
    node: Node | None = schema.root
    for part in path:
        if node is not None:
            node = node.items if part == "[]" else node.child(part)
    return node


def deployment(**spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": spec,
    }


@pytest.mark.parametrize("resource", BUILTIN, ids=lambda r: f"{r.api_version}/{r.plural}")
def test_every_built_in_resource_has_a_schema(resource: Any) -> None:
    schema = builtin_schema(resource.api_version, resource.kind)
    assert {"apiVersion", "kind"} <= set(schema.root.properties)


def test_unknown_fields_are_named_by_path_and_dropped() -> None:
    obj = deployment(
        foo=1,
        template={"spec": {"containers": [{"name": "a", "imagge": "x"}, {"nested": {"a": 1}}]}},
    )
    expected = [
        "spec.foo",
        "spec.template.spec.containers[0].imagge",
        "spec.template.spec.containers[1].nested",
    ]
    schema = builtin_schema("apps/v1", "Deployment")
    assert schema.decode(obj) == expected
    assert obj["spec"]["template"]["spec"]["containers"] == [{"name": "a"}, {}]
    assert schema.decode(obj) == []


def test_reading_brings_values_to_canonical_form() -> None:
    obj = {
        "metadata": {"creationTimestamp": None, "labels": {"a": None}},
        "spec": {
            "containers": [
                {
                    "name": "a",
                    "resources": {"limits": {"cpu": 0.5, "memory": "1.5Gi"}},
                    "livenessProbe": {"httpGet": {"port": "http"}},
                }
            ],
            "nodeName": None,
        },
        "status": {"startTime": "2026-01-01T02:00:00+02:00"},
    }
    assert builtin_schema("v1", "Pod").decode(obj) == []
    assert obj["metadata"] == {"labels": {"a": ""}}
    assert obj["spec"]["containers"][0]["resources"]["limits"] == {
        "cpu": "500m",
        "memory": "1536Mi",
    }
    assert "nodeName" not in obj["spec"]
    assert obj["status"] == {"startTime": "2026-01-01T00:00:00Z"}


def test_micro_times_keep_six_digits() -> None:
    for year in ("2026", "0001"):
        lease = {"spec": {"renewTime": f"{year}-01-01T00:00:00.5Z"}}
        builtin_schema("coordination.k8s.io/v1", "Lease").decode(lease)
        assert lease["spec"]["renewTime"] == f"{year}-01-01T00:00:00.500000Z"


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        (
            deployment(replicas="three"),
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas "
            "of type int32",
        ),
        (
            deployment(replicas=1.5),
            "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas "
            "of type int32",
        ),
        (
            deployment(replicas=2**40),
            "json: cannot unmarshal number 1099511627776 into Go struct field "
            "DeploymentSpec.spec.replicas of type int32",
        ),
        (
            deployment(template={"spec": {"containers": {"name": "a"}}}),
            "json: cannot unmarshal object into Go struct field "
            "PodSpec.spec.template.spec.containers of type []v1.Container",
        ),
        (
            {"metadata": {"labels": {"a": 1}}},
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels "
            "of type string",
        ),
        (
            deployment(strategy="fast"),
            "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.strategy "
            "of type v1.DeploymentStrategy",
        ),
        (
            deployment(
                template={"spec": {"containers": [{"resources": {"limits": {"cpu": "much"}}}]}}
            ),
            "quantities must match the regular expression "
            "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'",
        ),
        (
            {"metadata": {"creationTimestamp": "yesterday"}},
            'parsing time "yesterday" as "2006-01-02T15:04:05Z07:00": cannot parse "yesterday" '
            'as "2006"',
        ),
    ],
)
def test_wrong_types_get_kubernetes_message(obj: dict[str, Any], message: str) -> None:
    with pytest.raises(DecodingError) as caught:
        builtin_schema("apps/v1", "Deployment").decode(obj)
    assert str(caught.value) == message
    assert builtin_schema("apps/v1", "Deployment").check(obj)[0].message == message


def test_secret_data_is_base64() -> None:
    schema = builtin_schema("v1", "Secret")
    assert schema.decode({"data": {"a": "aGVsbG8="}}) == []
    with pytest.raises(DecodingError, match="illegal base64 data at input byte 2"):
        schema.decode({"data": {"a": "he!!o"}})


def test_structure_for_patches_and_ownership() -> None:
    schema = builtin_schema("apps/v1", "Deployment")
    containers = at(schema, ("spec", "template", "spec", "containers"))
    assert containers is not None
    assert (containers.list_type, containers.list_map_keys) == ("map", ("name",))
    assert containers.patch_merge_key == "name"
    ports = at(schema, ("spec", "template", "spec", "containers", "[]", "ports"))
    assert ports is not None
    assert ports.list_map_keys == ("containerPort", "protocol")
    assert ports.items.properties["protocol"].default == "TCP"
    strategy = at(schema, ("spec", "strategy"))
    assert strategy is not None
    assert strategy.patch_strategies == {"retainKeys"}
    selector = at(schema, ("spec", "selector"))
    assert selector is not None
    assert selector.atomic
    assert at(schema, ("spec", "nonsense")) is None
    finalizers = at(schema, ("metadata", "finalizers"))
    assert finalizers is not None
    assert finalizers.list_type == "set"


def test_recursive_schemas_are_read_as_deep_as_the_object_goes() -> None:
    props: dict[str, Any] = {"type": "object"}
    for _ in range(50):
        props = {"type": "object", "properties": {"a": props}, "x": 1}
    crd = {"spec": {"versions": [{"schema": {"openAPIV3Schema": props}}]}}
    unknown = builtin_schema("apiextensions.k8s.io/v1", "CustomResourceDefinition").decode(crd)
    assert len(unknown) == 50


def test_loading_is_quick_and_parses_only_what_is_asked() -> None:
    code = (
        "import msgspec, gzip, pathlib, re, datetime, time; a = time.process_time();"
        "from grappe.api.schema import builtin_schema;"
        "builtin_schema('v1', 'ConfigMap').decode({'data': {'a': 'b'}});"
        "b = time.process_time();"
        "from grappe.api.schema.node import definition_node;"
        "print(b - a, definition_node.cache_info().currsize)"
    )
    times = []
    for _ in range(3):
        out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        seconds, parsed = out.stdout.split()
        times.append(float(seconds))
        assert int(parsed) < 10
    assert min(times) < 0.1


def test_schemas_within_a_definition_are_read_wherever_they_stand() -> None:
    schema = builtin_schema("apiextensions.k8s.io/v1", "CustomResourceDefinition")

    def definition(**props: Any) -> dict[str, Any]:
        return {"spec": {"versions": [{"schema": {"openAPIV3Schema": props}}]}}

    place = "spec.versions[0].schema.openAPIV3Schema"
    crd = definition(items={"type": "object", "properties": {"a": {"typ": "string"}}})
    assert schema.decode(crd) == [f"{place}.items.properties.a.typ"]
    assert schema.decode(definition(additionalProperties=True)) == []
    assert schema.decode(definition(additionalProperties={"typ": "x"})) == [
        f"{place}.additionalProperties.typ"
    ]
    assert schema.decode(definition(items=[{"typ": "x"}])) == [f"{place}.items[0].typ"]
    for props in (
        {"items": "x"},
        {"items": {"properties": [1]}},
        {"additionalProperties": 1},
        {"items": [1]},
        {"dependencies": {"a": [1]}},
    ):
        with pytest.raises(DecodingError):
            schema.decode(definition(**props))
