"""Validation rules of custom resources (`x-kubernetes-validations`), seen by clients."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from grappe.api.errors import ApiError
from grappe.api.resources import CUSTOM_RESOURCE_DEFINITIONS, Resource
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import ask

TABS = Resource("example.com", "v1", "crontabs", "CronTab")
PATH = "/apis/example.com/v1/namespaces/default/crontabs"


def definition(spec: dict[str, Any], **version: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": "crontabs.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "crontabs", "kind": "CronTab"},
            "versions": [
                {
                    "name": "v1",
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "schema": {
                        "openAPIV3Schema": {
                            "type": "object",
                            "properties": {
                                "spec": spec,
                                "status": {
                                    "type": "object",
                                    "properties": {"ready": {"type": "integer"}},
                                    "x-kubernetes-validations": [{"rule": "self.ready >= 0"}],
                                },
                            },
                        }
                    },
                    **version,
                }
            ],
        },
    }


SPEC = {
    "type": "object",
    "properties": {
        "replicas": {"type": "integer"},
        "name": {
            "type": "string",
            "x-kubernetes-validations": [{"rule": "self == oldSelf", "message": "is immutable"}],
        },
    },
    "x-kubernetes-validations": [
        {"rule": "self.replicas < 10", "messageExpression": "'%d > 9'.format([self.replicas])"}
    ],
}


async def defined(cluster: TestCluster, **version: Any) -> None:
    await cluster.client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(SPEC, **version))


def tab(**spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": "a", "namespace": "default"}, "spec": spec}


async def test_every_way_of_writing_is_held_to_the_rules(cluster: TestCluster) -> None:
    await defined(cluster)
    with pytest.raises(ApiError) as error:
        await cluster.client.create(TABS, tab(replicas=12, name="x"))
    assert error.value.code == 422
    assert error.value.message == (
        'CronTab.example.com "a" is invalid: spec: Invalid value: 12 > 9'
    )
    await cluster.client.create(TABS, tab(replicas=1, name="x"))
    live = await ask(cluster, "GET", f"{PATH}/a")
    put = await ask(
        cluster, "PUT", f"{PATH}/a", {**live.body, "spec": {"replicas": 1, "name": "y"}}
    )
    assert (put.status, 'spec.name: Invalid value: "y": is immutable' in put.message) == (
        422,
        True,
    )
    for content, query in (
        ("application/merge-patch+json", {}),
        ("application/apply-patch+yaml", {"fieldManager": "me", "force": "true"}),
    ):
        patch = {"apiVersion": "example.com/v1", "kind": "CronTab", "spec": {"replicas": 11}}
        answer = await ask(cluster, "PATCH", f"{PATH}/a", patch, {"content-type": content}, **query)
        assert answer.status == 422
        assert "11 > 9" in answer.message


async def test_status_is_held_to_them_too(cluster: TestCluster) -> None:
    await defined(cluster)
    await cluster.client.create(TABS, tab(replicas=1))
    patch = {"status": {"ready": -1}}
    headers = {"content-type": "application/merge-patch+json"}
    answer = await ask(cluster, "PATCH", f"{PATH}/a/status", patch, headers)
    assert (answer.status, answer.body["details"]["causes"][0]["field"]) == (422, "status")
    patch = {"status": {"ready": 1}}
    assert (await ask(cluster, "PATCH", f"{PATH}/a/status", patch, headers)).status == 200


async def test_what_a_stricter_definition_finds_wrong_may_stay(cluster: TestCluster) -> None:
    loose = deepcopy(SPEC)
    loose["x-kubernetes-validations"] = []
    created = await cluster.client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(loose))
    await cluster.client.create(TABS, tab(replicas=50))
    live = await cluster.client.get(CUSTOM_RESOURCE_DEFINITIONS, created["metadata"]["name"])
    live["spec"] = definition(SPEC)["spec"]
    await cluster.client.update(CUSTOM_RESOURCE_DEFINITIONS, live)
    headers = {"content-type": "application/merge-patch+json"}
    label = {"metadata": {"labels": {"a": "b"}}}
    assert (await ask(cluster, "PATCH", f"{PATH}/a", label, headers)).status == 200
    change = {"spec": {"replicas": 49}}
    assert (await ask(cluster, "PATCH", f"{PATH}/a", change, headers)).status == 422


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("self.nope == 1", "compilation failed: ERROR: <input>:1:5: undefined field 'nope'"),
        ("self.replicas +", "compilation failed: ERROR: <input>:1:16: Syntax error"),
        ("self.replicas", "cel expression must evaluate to a bool"),
    ],
)
async def test_definitions_with_bad_rules_are_refused(
    cluster: TestCluster, rule: str, told: str
) -> None:
    spec = {**SPEC, "x-kubernetes-validations": [{"rule": rule}]}
    with pytest.raises(ApiError) as error:
        await cluster.client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(spec))
    assert error.value.code == 422
    assert told in error.value.message


async def test_definitions_with_rules_without_bound_are_refused(cluster: TestCluster) -> None:
    rule = {"rule": "self.all(a, self.all(b, a == b))"}
    names = {"type": "array", "items": {"type": "string"}, "x-kubernetes-validations": [rule]}
    spec = {"type": "object", "properties": {"names": names}}
    with pytest.raises(ApiError) as error:
        await cluster.client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(spec))
    assert "estimated rule cost exceeds budget by factor of more than 100x" in error.value.message


async def test_selectable_fields_select_lists_watches_and_deletions(cluster: TestCluster) -> None:
    await defined(cluster, selectableFields=[{"jsonPath": ".spec.name"}])
    for name, value in (("a", "x"), ("b", "y"), ("c", "x")):
        obj = {"metadata": {"name": name, "namespace": "default"}}
        await cluster.client.create(TABS, {**obj, "spec": {"name": value, "replicas": 1}})
    found = await ask(cluster, "GET", PATH, fieldSelector="spec.name=x")
    assert [item["metadata"]["name"] for item in found.body["items"]] == ["a", "c"]
    found = await ask(cluster, "GET", PATH, fieldSelector="spec.name!=x,metadata.name!=z")
    assert [item["metadata"]["name"] for item in found.body["items"]] == ["b"]
    refused = await ask(cluster, "GET", PATH, fieldSelector="spec.replicas=1")
    assert (refused.status, refused.message) == (
        400,
        "field label not supported: spec.replicas",
    )
    await ask(cluster, "DELETE", PATH, fieldSelector="spec.name=x")
    left = await ask(cluster, "GET", PATH)
    assert [item["metadata"]["name"] for item in left.body["items"]] == ["b"]


async def test_a_literal_pattern_that_is_none_is_found_when_it_is_written(
    cluster: TestCluster,
) -> None:
    rules = [{"rule": "self.matches('a[')"}]
    name = {"type": "string", "maxLength": 9, "x-kubernetes-validations": rules}
    spec = {"type": "object", "properties": {"name": name}}
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    refused = await ask(cluster, "POST", path, definition(spec))
    assert refused.status == 422
    told = refused.body["message"]
    assert "compilation failed: ERROR: <input>:1:14: invalid matches argument" in told
    assert " | self.matches('a[')\n | .............^" in told
