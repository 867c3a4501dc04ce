"""MutatingAdmissionPolicies, seen by clients."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import CONFIG_MAPS, CUSTOM_RESOURCE_DEFINITIONS, PODS, Resource
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import ask, pod
from tests.cluster.policies import applying, config_map, matching, mutate, patching, validate
from tests.cluster.test_crd_rules import SPEC, definition

LABEL = 'Object{metadata: Object.metadata{labels: {"from": "policy"}}}'


async def test_an_apply_configuration_is_merged_in(cluster: TestCluster) -> None:
    await mutate(cluster, applying(LABEL))
    obj = config_map(a="1")
    obj["metadata"]["labels"] = {"mine": "yes"}
    made = await cluster.client.create(CONFIG_MAPS, obj)
    assert made["metadata"]["labels"] == {"mine": "yes", "from": "policy"}
    assert made["data"] == {"a": "1"}


async def test_lists_are_merged_by_their_keys(cluster: TestCluster) -> None:
    await mutate(
        cluster,
        applying(
            "Object{spec: Object.spec{containers: object.spec.containers.map(c, "
            "Object.spec.containers{name: c.name, env: [Object.spec.containers.env{name: 'X', "
            "value: 'y'}]}), initContainers: [Object.spec.initContainers{name: 'mesh', "
            "image: 'mesh:1'}]}}"
        ),
        match=matching("pods", operations=("CREATE",)),
    )
    made = await cluster.client.create(PODS, pod("a"), "default")
    assert [c["env"] for c in made["spec"]["containers"]] == [[{"name": "X", "value": "y"}]]
    assert made["spec"]["containers"][0]["image"] == pod("a")["spec"]["containers"][0]["image"]
    (mesh,) = made["spec"]["initContainers"]
    assert (mesh["image"], mesh["imagePullPolicy"]) == ("mesh:1", "IfNotPresent")


async def test_a_json_patch_is_applied(cluster: TestCluster) -> None:
    await mutate(
        cluster,
        patching(
            "[JSONPatch{op: 'test', path: '/data/a', value: '1'}, "
            "JSONPatch{op: 'add', path: '/data/' + jsonpatch.escapeKey('b'), value: "
            "string(size(object.data))}]"
        ),
        failurePolicy="Fail",
    )
    made = await cluster.client.create(CONFIG_MAPS, config_map(a="1"))
    assert made["data"] == {"a": "1", "b": "1"}
    with pytest.raises(ApiError) as error:
        await cluster.client.create(CONFIG_MAPS, config_map("b", a="2"))
    assert (error.value.code, error.value.reason) == (403, "Invalid")
    assert error.value.message.startswith(
        "policy 'policy' with binding 'policy' denied request: JSON Patch: "
    )


async def test_variables_conditions_and_parameters(cluster: TestCluster) -> None:
    await cluster.client.create(CONFIG_MAPS, config_map("names", owner="ann"))
    await mutate(
        cluster,
        applying("Object{data: {'owner': variables.owner}}"),
        paramKind={"apiVersion": "v1", "kind": "ConfigMap"},
        binding={"paramRef": {"name": "names", "parameterNotFoundAction": "Deny"}},
        variables=[{"name": "owner", "expression": "params.data.owner"}],
        matchConditions=[{"name": "new", "expression": "!has(object.data.owner)"}],
    )
    made = await cluster.client.create(CONFIG_MAPS, config_map("a", x="1"))
    assert made["data"] == {"x": "1", "owner": "ann"}
    made = await cluster.client.create(CONFIG_MAPS, config_map("b", owner="bob"))
    assert made["data"] == {"owner": "bob"}


async def test_custom_resources_are_changed_as_their_schema_says(cluster: TestCluster) -> None:
    await cluster.client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(SPEC))
    await mutate(
        cluster,
        applying("Object{spec: Object.spec{replicas: object.spec.replicas + 1}}"),
        match=matching("crontabs", "example.com", operations=("CREATE",)),
    )
    tabs = Resource("example.com", "v1", "crontabs", "CronTab")
    obj: Any = {"metadata": {"name": "a", "namespace": "default"}, "spec": {"replicas": 1}}
    assert (await cluster.client.create(tabs, obj))["spec"] == {"replicas": 2}
    with pytest.raises(ApiError) as error:
        await cluster.client.create(tabs, {**obj, "spec": {"replicas": 9}})
    assert "10 > 9" in error.value.message


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        ("Object{nope: 1}", "error applying patch: failed to convert patch object to typed object: "
         ".nope: field not declared in schema"),
        ("Object{metadata: Object.spec{}}", 'type mismatch: unexpected type name "Object.spec", '
         'expected "Object.metadata", which matches field name path from root Object type'),
        ("Object{data: {'x': object.data.nope}}", "resulted in error: no such key: nope"),
        ("Object{data: object.data.a == '1' ? {'x': 'y'} : 5}", ""),
    ],
)  # fmt: skip
async def test_what_cannot_be_merged_is_refused(
    cluster: TestCluster, expression: str, told: str
) -> None:
    await mutate(cluster, applying(expression), failurePolicy="Fail")
    made = cluster.client.create(CONFIG_MAPS, config_map(a="1"))
    if not told:
        await made
        return
    with pytest.raises(ApiError) as error:
        await made
    assert error.value.code == 403
    assert error.value.message.endswith(told)


async def test_a_failure_may_be_ignored(cluster: TestCluster) -> None:
    await mutate(cluster, applying("Object{data: {'x': object.data.nope}}"), failurePolicy="Ignore")
    assert (await cluster.client.create(CONFIG_MAPS, config_map(a="1")))["data"] == {"a": "1"}


async def test_atomic_parts_are_not_merged(cluster: TestCluster) -> None:
    await mutate(
        cluster,
        applying(
            "Object{spec: Object.spec{containers: [Object.spec.containers{name: 'a', "
            "command: ['x']}]}}"
        ),
        match=matching("pods", operations=("CREATE",)),
        failurePolicy="Fail",
    )
    with pytest.raises(ApiError) as error:
        await cluster.client.create(PODS, pod("a"), "default")
    assert "may not mutate atomic arrays, maps or structs: .spec.containers" in error.value.message


async def test_a_policy_asked_to_runs_again_after_later_changes(cluster: TestCluster) -> None:
    await mutate(
        cluster,
        applying("Object{data: {'count': string(size(object.data))}}"),
        name="a-count",
        reinvocationPolicy="IfNeeded",
    )
    await mutate(cluster, applying("Object{data: {'more': 'x'}}"), name="b-more")
    made = await cluster.client.create(CONFIG_MAPS, config_map(a="1"))
    assert made["data"] == {"a": "1", "count": "3", "more": "x"}


async def test_validation_sees_what_mutation_made(cluster: TestCluster) -> None:
    await mutate(cluster, applying(LABEL))
    await validate(cluster, "object.metadata.labels['from'] == 'policy'", name="check")
    await cluster.client.create(CONFIG_MAPS, config_map())


async def test_a_dry_run_shows_the_change_and_stores_nothing(cluster: TestCluster) -> None:
    await mutate(cluster, applying(LABEL))
    path = "/api/v1/namespaces/default/configmaps"
    answer = await ask(cluster, "POST", path, config_map(), dryRun="All")
    assert answer.body["metadata"]["labels"] == {"from": "policy"}
    assert (await ask(cluster, "GET", f"{path}/a")).status == 404
