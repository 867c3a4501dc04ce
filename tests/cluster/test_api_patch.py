"""PATCH in its four ways."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    Reply,
    ask,
    config_map,
    deployment,
)

MERGE = {"content-type": "application/merge-patch+json"}
JSON = {"content-type": "application/json-patch+json"}
STRATEGIC = {"content-type": "application/strategic-merge-patch+json"}
APPLY = {"content-type": "application/apply-patch+yaml"}


async def _apply(cluster: TestCluster, obj: dict[str, Any], manager: str, **query: str) -> Reply:
    path = f"{DEPLOYMENTS}/{obj['metadata']['name']}"
    return await ask(
        cluster, "PATCH", path, orjson.dumps(obj), APPLY, fieldManager=manager, **query
    )


async def test_merge_patch_adds_changes_and_removes(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a", {"k": "1", "gone": "x"}))
    patch = {"data": {"k": "2", "new": "3", "gone": None}}
    reply = await ask(cluster, "PATCH", f"{CONFIG_MAPS}/a", patch, MERGE)
    assert reply.body["data"] == {"k": "2", "new": "3"}


async def test_json_patch_applies_its_operations(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a", {"k": "1"}))
    operations = [
        {"op": "test", "path": "/data/k", "value": "1"},
        {"op": "replace", "path": "/data/k", "value": "2"},
    ]
    body = orjson.dumps(operations)
    reply = await ask(cluster, "PATCH", f"{CONFIG_MAPS}/a", body, JSON)
    assert reply.body["data"] == {"k": "2"}
    reply = await ask(cluster, "PATCH", f"{CONFIG_MAPS}/a", body, JSON)
    assert reply.status == 422  # the test does not hold any more


async def test_strategic_merge_patch_merges_lists_by_key(cluster: TestCluster) -> None:
    await ask(cluster, "POST", DEPLOYMENTS, deployment("a"))
    container = {"name": "sidecar", "image": "side:1"}
    patch = {"spec": {"template": {"spec": {"containers": [container]}}}}
    reply = await ask(cluster, "PATCH", f"{DEPLOYMENTS}/a", patch, STRATEGIC)
    names = {c["name"] for c in reply.body["spec"]["template"]["spec"]["containers"]}
    assert names == {"web", "sidecar"}
    assert reply.body["metadata"]["generation"] == 2


async def test_patches_of_different_fields_at_once_all_count(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    replies = await asyncio.gather(
        *(
            ask(cluster, "PATCH", f"{CONFIG_MAPS}/a", {"data": {f"k{n}": str(n)}}, MERGE)
            for n in range(5)
        )
    )
    assert {reply.status for reply in replies} == {200}
    found = await ask(cluster, "GET", f"{CONFIG_MAPS}/a")
    assert found.body["data"] == {f"k{n}": str(n) for n in range(5)}


async def test_a_patch_that_pins_an_old_version_is_a_conflict(cluster: TestCluster) -> None:
    made = (await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))).body
    await ask(cluster, "PATCH", f"{CONFIG_MAPS}/a", {"data": {"k": "1"}}, MERGE)
    version = made["metadata"]["resourceVersion"]
    patch = {"metadata": {"resourceVersion": version}, "data": {"k": "2"}}
    reply = await ask(cluster, "PATCH", f"{CONFIG_MAPS}/a", patch, MERGE)
    assert (reply.status, reply.body["reason"]) == (409, "Conflict")


async def test_a_patch_of_nothing_is_not_found(cluster: TestCluster) -> None:
    reply = await ask(cluster, "PATCH", f"{CONFIG_MAPS}/a", {"data": {}}, MERGE)
    assert reply.status == 404


async def test_an_unknown_patch_type_is_refused(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    headers = {"content-type": "application/json"}
    reply = await ask(cluster, "PATCH", f"{CONFIG_MAPS}/a", {}, headers)
    assert reply.status == 415


async def test_a_patch_may_not_change_name_or_kind(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    patch: dict[str, Any]
    for patch in ({"metadata": {"name": "b"}}, {"kind": "Secret"}):
        reply = await ask(cluster, "PATCH", f"{CONFIG_MAPS}/a", patch, MERGE)
        assert reply.status == 400, patch


async def test_a_status_patch_reaches_only_the_status(cluster: TestCluster) -> None:
    await ask(cluster, "POST", DEPLOYMENTS, deployment("a"))
    patch = {"spec": {"replicas": 9}, "status": {"replicas": 1}}
    reply = await ask(cluster, "PATCH", f"{DEPLOYMENTS}/a/status", patch, MERGE)
    assert reply.body["spec"]["replicas"] == 1
    assert reply.body["status"] == {"replicas": 1}
    assert reply.body["metadata"]["generation"] == 1


async def test_apply_creates_what_is_not_there(cluster: TestCluster) -> None:
    reply = await _apply(cluster, deployment("a"), "ci")
    assert reply.status == 201
    (entry,) = reply.body["metadata"]["managedFields"]
    assert (entry["manager"], entry["operation"]) == ("ci", "Apply")
    again = await _apply(cluster, deployment("a"), "ci")
    assert again.status == 200
    version = reply.body["metadata"]["resourceVersion"]
    assert again.body["metadata"]["resourceVersion"] == version


async def test_apply_needs_a_field_manager(cluster: TestCluster) -> None:
    reply = await ask(cluster, "PATCH", f"{DEPLOYMENTS}/a", orjson.dumps(deployment("a")), APPLY)
    assert reply.status == 422
    assert reply.message == (
        'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: '
        "is required for apply patch"
    )


async def test_two_appliers_of_one_field_conflict_until_one_forces(cluster: TestCluster) -> None:
    await _apply(cluster, deployment("a", replicas=1), "ci")
    reply = await _apply(cluster, deployment("a", replicas=3), "autoscaler")
    assert (reply.status, reply.body["reason"]) == (409, "Conflict")
    assert reply.message == ('Apply failed with 1 conflict: conflict with "ci": .spec.replicas')
    forced = await _apply(cluster, deployment("a", replicas=3), "autoscaler", force="true")
    assert forced.status == 200
    assert forced.body["spec"]["replicas"] == 3


async def test_what_an_applier_no_longer_says_is_removed(cluster: TestCluster) -> None:
    labelled = deployment("a")
    labelled["metadata"]["labels"] = {"team": "x"}
    await _apply(cluster, labelled, "ci")
    reply = await _apply(cluster, deployment("a"), "ci")
    assert "labels" not in reply.body["metadata"]


async def test_force_is_only_for_apply(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a"))
    reply = await ask(cluster, "PATCH", f"{CONFIG_MAPS}/a", {}, MERGE, force="true")
    assert reply.status == 422
    assert "may not be specified for non-apply patch" in reply.message


async def test_an_applied_field_nobody_knows_is_refused_however_lax(cluster: TestCluster) -> None:
    wrong = deployment("a")
    wrong["spec"]["replica"] = 3
    reply = await _apply(cluster, wrong, "ci", fieldValidation="Ignore")
    assert reply.status == 400
    assert reply.message == (
        "failed to create typed patch object (default/a; apps/v1, Kind=Deployment): "
        ".spec.replica: field not declared in schema"
    )


async def test_keys_applied_twice_are_refused_by_a_strict_applier(cluster: TestCluster) -> None:
    text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  k: v\n  k: w\n"
    path, query = f"{CONFIG_MAPS}/a", {"fieldManager": "ci"}
    reply = await ask(cluster, "PATCH", path, text, APPLY, **query, fieldValidation="Strict")
    assert reply.status == 400
    assert 'line 6: key "k" already set in map' in reply.message
    reply = await ask(cluster, "PATCH", path, text, APPLY, **query)
    assert reply.status == 201
    assert "already set in map" in reply.headers["Warning"]


async def test_operations_are_read_strictly_or_not_as_asked(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("ops", {"a": "1"}))
    operations = [{"op": "replace", "path": "/data/a", "value": "2", "vlaue": "3"}]
    path, sent = f"{CONFIG_MAPS}/ops", {"content-type": "application/json-patch+json"}
    reply = await ask(cluster, "PATCH", path, operations, sent)
    assert reply.headers["Warning"] == '299 - "json patch unknown field \\"[0].vlaue\\""'
    reply = await ask(cluster, "PATCH", path, operations, sent, fieldValidation="Strict")
    assert reply.status == 422
    assert 'strict decoding error: json patch unknown field "[0].vlaue"' in reply.message


async def test_a_patch_whose_test_fails_changes_nothing(cluster: TestCluster) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("test", {"a": "1"}))
    operations = [
        {"op": "replace", "path": "/data/a", "value": "2"},
        {"op": "test", "path": "/data/b", "value": "2"},
    ]
    sent = {"content-type": "application/json-patch+json"}
    reply = await ask(cluster, "PATCH", f"{CONFIG_MAPS}/test", operations, sent)
    assert (reply.status, reply.body["reason"]) == (422, "Invalid")
    assert reply.message == "the server rejected our request due to an error in our request"
    assert (await ask(cluster, "GET", f"{CONFIG_MAPS}/test")).body["data"] == {"a": "1"}
