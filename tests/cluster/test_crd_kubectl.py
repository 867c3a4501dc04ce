"""CustomResourceDefinitions in kubectl's hands."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import CUSTOM_RESOURCE_DEFINITIONS, Resource
from grappe.testing.cluster import TestCluster
from tests.cluster.people import administrator

WIDGETS = Resource("example.com", "v1", "widgets", "Widget")
DEFINITION: dict[str, Any] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "widgets.example.com"},
    "spec": {
        "group": "example.com",
        "scope": "Namespaced",
        "names": {
            "plural": "widgets",
            "kind": "Widget",
            "shortNames": ["wd"],
            "categories": ["all"],
        },
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "subresources": {
                    "status": {},
                    "scale": {
                        "specReplicasPath": ".spec.replicas",
                        "statusReplicasPath": ".status.replicas",
                        "labelSelectorPath": ".status.selector",
                    },
                },
                "additionalPrinterColumns": [
                    {"name": "Replicas", "type": "integer", "jsonPath": ".spec.replicas"},
                    {
                        "name": "Ready",
                        "type": "string",
                        "jsonPath": '.status.conditions[?(@.type=="Ready")].status',
                    },
                    {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
                ],
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "description": "What is wanted.",
                                "required": ["color"],
                                "properties": {
                                    "color": {"type": "string", "enum": ["red", "blue"]},
                                    "replicas": {"type": "integer", "minimum": 1, "default": 2},
                                },
                            },
                            "status": {
                                "type": "object",
                                "x-kubernetes-preserve-unknown-fields": True,
                            },
                        },
                    }
                },
            }
        ],
    },
}


def widget(name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name},
        "spec": spec,
    }


def definition(**spec: Any) -> dict[str, Any]:
    found = deepcopy(DEFINITION)
    found["spec"] |= spec
    return found


async def test_a_definition_is_served_at_once_and_established(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    await kubectl("create", "-f", "-", send=DEFINITION)
    await kubectl("create", "-f", "-", send=widget("a", color="red"))
    await kubectl("wait", "--for=condition=Established", "crd/widgets.example.com")
    await kubectl("wait", "--for=condition=NamesAccepted", "crd/widgets.example.com")
    assert (await kubectl("get", "wd", "a", "-o", "jsonpath={.spec}")) == (
        '{"color":"red","replicas":2}'
    )
    assert "widget.example.com/a" in await kubectl("get", "all", "-o", "name")
    assert "widgets" in await kubectl("api-resources", "--api-group=example.com")


async def test_columns_are_printed_as_the_definition_says(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    await kubectl("create", "-f", "-", send=DEFINITION)
    await kubectl("create", "-f", "-", send=widget("a", color="red"))
    patch = '{"status":{"conditions":[{"type":"Ready","status":"True"}]}}'
    await kubectl("patch", "wd", "a", "--subresource=status", "--type=merge", "-p", patch)
    header, row = (await kubectl("get", "widgets")).splitlines()
    assert header.split() == ["NAME", "REPLICAS", "READY", "AGE"]
    assert row.split()[:3] == ["a", "2", "True"]


async def test_a_wrong_object_is_refused_and_unknown_fields_are_pruned(
    cluster: TestCluster,
) -> None:
    kubectl = await administrator(cluster)
    await kubectl("create", "-f", "-", send=DEFINITION)
    refused = await kubectl.run("create", "-f", "-", send=widget("a", color="green", replicas=0))
    assert 'The Widget "a" is invalid' in refused.err
    assert 'spec.color: Unsupported value: "green": supported values: "red", "blue"' in refused.err
    assert "spec.replicas: Invalid value: 0: spec.replicas in body should be greater" in refused.err
    strict = await kubectl.run("create", "-f", "-", send=widget("a", color="red", shape="round"))
    assert 'unknown field "spec.shape"' in strict.err
    await kubectl(
        "create", "--validate=ignore", "-f", "-", send=widget("a", color="red", shape="o")
    )
    assert "shape" not in await kubectl("get", "wd", "a", "-o", "yaml")


async def test_status_and_scale_are_subresources(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    await kubectl("create", "-f", "-", send=DEFINITION)
    created = {**widget("a", color="red"), "status": {"replicas": 9}}
    await kubectl("create", "-f", "-", send=created)
    assert await kubectl("get", "wd", "a", "-o", "jsonpath={.status}") == ""
    await kubectl("scale", "wd/a", "--replicas=5")
    assert await kubectl("get", "wd", "a", "-o", "jsonpath={.spec.replicas}") == "5"
    generation = "jsonpath={.metadata.generation}"
    assert await kubectl("get", "wd", "a", "-o", generation) == "2"
    patch = '{"status":{"replicas":5},"spec":{"color":"blue"}}'
    await kubectl("patch", "wd", "a", "--subresource=status", "--type=merge", "-p", patch)
    assert await kubectl("get", "wd", "a", "-o", "jsonpath={.status.replicas}") == "5"
    assert await kubectl("get", "wd", "a", "-o", "jsonpath={.spec.color}") == "red"
    assert await kubectl("get", "wd", "a", "-o", generation) == "2"


async def test_a_changed_definition_counts_at_once(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    await kubectl("create", "-f", "-", send=DEFINITION)
    changed = deepcopy(DEFINITION)
    (version,) = changed["spec"]["versions"]
    spec = version["schema"]["openAPIV3Schema"]["properties"]["spec"]
    spec["properties"]["color"]["enum"].append("green")
    second = {**deepcopy(version), "name": "v2beta1", "storage": False}
    changed["spec"]["versions"].append(second)
    await kubectl("replace", "-f", "-", send=changed)
    await kubectl("create", "-f", "-", send=widget("a", color="green"))
    other = await kubectl("get", "widgets.v2beta1.example.com", "a", "-o", "yaml")
    assert "apiVersion: example.com/v2beta1" in other
    changed["spec"]["versions"].remove(second)
    await kubectl("replace", "-f", "-", send=changed)
    gone = await kubectl.run("get", "--raw", "/apis/example.com/v2beta1/widgets")
    assert gone.code == 1


async def test_deleting_a_definition_removes_its_objects(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    await kubectl("create", "-f", "-", send=DEFINITION)
    await kubectl("create", "-f", "-", send=[widget(name, color="red") for name in "abc"])
    await kubectl("delete", "crd", "widgets.example.com", "--timeout=20s")
    assert cluster.store.count("example.com/widgets") == 0
    assert (await kubectl.run("get", "--raw", "/apis/example.com/v1")).code == 1
    await kubectl("create", "-f", "-", send=DEFINITION)
    assert "No resources found" in (await kubectl.run("get", "wd")).err


async def test_a_definition_waits_for_the_finalizers_of_its_objects(cluster: TestCluster) -> None:
    client = cluster.client
    await client.create(CUSTOM_RESOURCE_DEFINITIONS, DEFINITION)
    held = widget("a", color="red")
    held["metadata"] |= {"namespace": "default", "finalizers": ["example.com/wait"]}
    await client.create(WIDGETS, held)
    await client.delete(CUSTOM_RESOURCE_DEFINITIONS, "widgets.example.com")
    waiting = await client.get(CUSTOM_RESOURCE_DEFINITIONS, "widgets.example.com")
    assert waiting["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
    with pytest.raises(ApiError) as refused:
        await client.create(WIDGETS, widget("b", color="red"), "default")
    assert refused.value.code == 405
    version = waiting["metadata"]["resourceVersion"]
    await client.patch(WIDGETS, "a", {"metadata": {"finalizers": None}}, "default")
    async for event in client.watch(CUSTOM_RESOURCE_DEFINITIONS, resource_version=version):
        if event.type == "DELETED":
            break
    assert cluster.store.count("example.com/widgets") == 0


async def test_names_in_use_are_not_accepted_until_they_are_free(cluster: TestCluster) -> None:
    client = cluster.client
    await client.create(CUSTOM_RESOURCE_DEFINITIONS, DEFINITION)
    second = definition(names={"plural": "gadgets", "kind": "Widget", "listKind": "GadgetList"})
    second["metadata"]["name"] = "gadgets.example.com"
    created = await client.create(CUSTOM_RESOURCE_DEFINITIONS, second)
    version = created["metadata"]["resourceVersion"]

    async def until(established: str) -> dict[str, str]:
        async for event in client.watch(
            CUSTOM_RESOURCE_DEFINITIONS,
            resource_version=version,
            field_selector="metadata.name=gadgets.example.com",
        ):
            conditions = event.object["status"].get("conditions") or ()
            found = {c["type"]: c["status"] for c in conditions}
            if found.get("Established") == established:
                return {c["type"]: c["message"] for c in conditions}
        raise AssertionError("the watch ended")

    assert (await until("False"))["NamesAccepted"] == '"Widget" is already in use'
    gadgets = Resource("example.com", "v1", "gadgets", "Widget")
    with pytest.raises(ApiError) as missing:
        await client.list(gadgets)
    assert missing.value.code == 404
    await client.delete(CUSTOM_RESOURCE_DEFINITIONS, "widgets.example.com")
    await until("True")
    assert (await client.list(gadgets)).items == []


async def test_kubectl_explains_a_custom_kind(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    await kubectl("create", "-f", "-", send=DEFINITION)
    explained = await kubectl("explain", "widget.spec")
    assert "What is wanted." in explained
    assert "color\t<string> -required-" in explained
    assert "enum: red, blue" in explained


async def test_a_wrong_definition_says_what_is_wrong(cluster: TestCluster) -> None:
    kubectl = await administrator(cluster)
    wrong = definition(scope="Galaxy")
    wrong["metadata"]["name"] = "x.example.com"
    refused = await kubectl.run("create", "-f", "-", send=wrong)
    assert 'The CustomResourceDefinition "x.example.com" is invalid' in refused.err
    assert 'must be spec.names.plural+"."+spec.group' in refused.err
    assert 'spec.scope: Unsupported value: "Galaxy"' in refused.err


async def test_definitions_and_their_objects_survive_a_restart(cluster: TestCluster) -> None:
    client = cluster.client
    await client.create(CUSTOM_RESOURCE_DEFINITIONS, DEFINITION)
    await client.create(WIDGETS, widget("a", color="red"), "default")
    await cluster.api.stop()
    await cluster.api.start()
    assert (await client.get(WIDGETS, "a", "default"))["spec"] == {"color": "red", "replicas": 2}


async def test_a_deletion_cut_short_is_finished_at_the_next_start(cluster: TestCluster) -> None:
    client = cluster.client
    await client.create(CUSTOM_RESOURCE_DEFINITIONS, DEFINITION)
    held = widget("a", color="red")
    held["metadata"] |= {"namespace": "default", "finalizers": ["example.com/wait"]}
    await client.create(WIDGETS, held)
    await client.delete(CUSTOM_RESOURCE_DEFINITIONS, "widgets.example.com")
    await cluster.api.stop()
    await cluster.api.start()
    version = str(cluster.store.revision)
    await client.patch(WIDGETS, "a", {"metadata": {"finalizers": None}}, "default")
    async for event in client.watch(CUSTOM_RESOURCE_DEFINITIONS, resource_version=version):
        if event.type == "DELETED":
            break
    assert cluster.store.count("example.com/widgets") == 0
