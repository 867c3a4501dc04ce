"""Empty lists and maps of built-in kinds are not stored, however they come."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import CONFIG_MAPS, DEPLOYMENTS, ask, config_map, deployment

APPLY = {"content-type": "application/apply-patch+yaml"}
MERGE = {"content-type": "application/merge-patch+json"}
JSON_PATCH = {"content-type": "application/json-patch+json"}
PATH = f"{CONFIG_MAPS}/a"


def owned(obj: dict[str, Any], manager: str) -> Any:
    entries = obj["metadata"]["managedFields"]
    return next(entry["fieldsV1"] for entry in entries if entry["manager"] == manager)


async def test_what_is_created_or_updated_empty(cluster: TestCluster) -> None:
    made = await ask(cluster, "POST", CONFIG_MAPS, config_map("a", {}, labels={}))
    assert made.status == 201
    assert not {"data", "labels"} & {*made.body, *made.body["metadata"]}
    await ask(cluster, "PUT", PATH, config_map("a", {"k": "v"}))
    emptied = await ask(cluster, "PUT", PATH, config_map("a", {}))
    assert "data" not in emptied.body
    again = await ask(cluster, "PUT", PATH, {**config_map("a"), "binaryData": {}})
    assert again.body["metadata"]["resourceVersion"] == emptied.body["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("patch", "headers"),
    [
        ({"data": {"k": None}}, MERGE),
        ([{"op": "remove", "path": "/data/k"}], JSON_PATCH),
        ([{"op": "replace", "path": "/data", "value": {}}], JSON_PATCH),
    ],
    ids=["merge", "last key removed", "replaced"],
)
async def test_what_a_patch_empties(cluster: TestCluster, patch: Any, headers: Any) -> None:
    await ask(cluster, "POST", CONFIG_MAPS, config_map("a", {"k": "v"}))
    reply = await ask(cluster, "PATCH", PATH, patch, headers)
    assert reply.status == 200
    assert "data" not in reply.body


async def test_who_applies_something_empty_owns_it(cluster: TestCluster) -> None:
    made = deployment("d")
    spec = made["spec"]["template"]["spec"]
    spec |= {"tolerations": [{"key": "a", "operator": "Exists"}]}
    spec |= {"volumes": [{"name": "v", "emptyDir": {}}]}
    path = f"{DEPLOYMENTS}/d"
    await ask(cluster, "PATCH", path, made, APPLY, fieldManager="theirs")
    mine = {**made, "spec": {"template": {"spec": {"tolerations": []}}}}
    refused = await ask(cluster, "PATCH", path, mine, APPLY, fieldManager="mine")
    assert refused.status == 409
    taken = await ask(cluster, "PATCH", path, mine, APPLY, fieldManager="mine", force="true")
    found = taken.body["spec"]["template"]["spec"]
    assert "tolerations" not in found
    assert found["volumes"] == [{"name": "v", "emptyDir": {}}]
    tolerations = {"f:spec": {"f:template": {"f:spec": {"f:tolerations": {}}}}}
    assert owned(taken.body, "mine") == tolerations


async def test_applying_something_empty_again_changes_nothing(cluster: TestCluster) -> None:
    mine = config_map("a", {})
    applied = await ask(cluster, "PATCH", PATH, mine, APPLY, fieldManager="mine")
    assert (applied.status, "data" in applied.body) == (201, False)
    assert owned(applied.body, "mine") == {"f:data": {}}
    version = applied.body["metadata"]["resourceVersion"]
    applied = await ask(cluster, "PATCH", PATH, mine, APPLY, fieldManager="mine")
    assert applied.body["metadata"]["resourceVersion"] == version


async def test_zeros_that_mean_nothing_are_not_there(cluster: TestCluster) -> None:
    made = deployment("d", replicas=0)
    made["spec"] |= {"minReadySeconds": 0, "paused": False, "revisionHistoryLimit": 0}
    made["spec"]["template"]["spec"] |= {"hostPID": False, "automountServiceAccountToken": False}
    found = (await ask(cluster, "POST", DEPLOYMENTS, made)).body["spec"]
    assert (found["replicas"], found["revisionHistoryLimit"]) == (0, 0)
    assert not {"minReadySeconds", "paused"} & set(found)
    spec = found["template"]["spec"]
    assert (spec["automountServiceAccountToken"], "hostPID" in spec) == (False, False)
    path = f"{DEPLOYMENTS}/d"
    paused = await ask(cluster, "PATCH", path, {"spec": {"paused": True}}, MERGE)
    assert paused.body["spec"]["paused"] is True
    again = await ask(cluster, "PATCH", path, {"spec": {"paused": False}}, MERGE)
    assert "paused" not in again.body["spec"]
    version = again.body["metadata"]["resourceVersion"]
    same = await ask(cluster, "PATCH", path, {"spec": {"paused": False, "replicas": 0}}, MERGE)
    assert same.body["metadata"]["resourceVersion"] == version


async def test_an_empty_word_is_no_word(cluster: TestCluster) -> None:
    """What is empty is filled in like what is missing."""
    made = deployment("d")
    made["spec"]["strategy"] = {"type": ""}
    container = made["spec"]["template"]["spec"]["containers"][0]
    container |= {"imagePullPolicy": "", "ports": [{"containerPort": 80, "protocol": ""}]}
    found = (await ask(cluster, "POST", DEPLOYMENTS, made)).body["spec"]
    assert found["strategy"]["type"] == "RollingUpdate"
    container = found["template"]["spec"]["containers"][0]
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP"}]


async def test_who_applies_a_zero_owns_it(cluster: TestCluster) -> None:
    mine = deployment("d")
    mine["spec"]["minReadySeconds"] = 0
    path = f"{DEPLOYMENTS}/d"
    made = await ask(cluster, "PATCH", path, mine, APPLY, fieldManager="mine")
    assert (made.status, "minReadySeconds" in made.body["spec"]) == (201, False)
    assert "f:minReadySeconds" in owned(made.body, "mine")["f:spec"]
    version = made.body["metadata"]["resourceVersion"]
    again = await ask(cluster, "PATCH", path, mine, APPLY, fieldManager="mine")
    assert again.body["metadata"]["resourceVersion"] == version
    theirs = {**mine, "spec": {"minReadySeconds": 5}}
    refused = await ask(cluster, "PATCH", path, theirs, APPLY, fieldManager="theirs")
    assert refused.status == 409


async def test_counts_that_are_always_told_are_told_from_the_start(cluster: TestCluster) -> None:
    apps, template = "/apis/apps/v1/namespaces/default", deployment("a")["spec"]
    spec = {"selector": template["selector"], "template": template["template"]}
    budget = {"maxUnavailable": 1, "selector": template["selector"]}
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "a"}
    counts = {
        f"{apps}/daemonsets": (
            spec,
            {
                "currentNumberScheduled": 0,
                "numberMisscheduled": 0,
                "desiredNumberScheduled": 0,
                "numberReady": 0,
            },
        ),
        f"{apps}/replicasets": (spec, {"replicas": 0}),
        f"{apps}/statefulsets": (spec, {"replicas": 0, "availableReplicas": 0}),
        f"{apps}/deployments": (spec, {}),
        "/apis/policy/v1/namespaces/default/poddisruptionbudgets": (
            budget,
            {
                "disruptionsAllowed": 0,
                "currentHealthy": 0,
                "desiredHealthy": 0,
                "expectedPods": 0,
            },
        ),
        "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers": (
            {"scaleTargetRef": target, "maxReplicas": 2},
            {"currentReplicas": 0, "desiredReplicas": 0},
        ),
    }
    for path, (spec_, status) in counts.items():
        made = await ask(cluster, "POST", path, {"metadata": {"name": "a"}, "spec": spec_})
        assert (made.status, made.body["status"]) == (201, status), path
