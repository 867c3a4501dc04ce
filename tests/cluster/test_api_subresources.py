"""scale, binding, eviction, token, approval, reviews, and the way to a pod's node."""

from __future__ import annotations

from typing import Any

import pytest

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import DEPLOYMENTS, PODS, ask, deployment, pod
from tests.cluster.test_auth_certificates import asking

MERGE = {"content-type": "application/merge-patch+json"}
BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets"
REQUESTS = "/apis/certificates.k8s.io/v1/certificatesigningrequests"


async def test_scale_shows_and_sets_replicas(cluster: TestCluster) -> None:
    await ask(cluster, "POST", DEPLOYMENTS, deployment("a", replicas=2))
    scale = (await ask(cluster, "GET", f"{DEPLOYMENTS}/a/scale")).body
    assert (scale["kind"], scale["apiVersion"]) == ("Scale", "autoscaling/v1")
    assert scale["spec"] == {"replicas": 2}
    assert scale["status"] == {"replicas": 0, "selector": "app=a"}
    scale["spec"]["replicas"] = 5
    assert (await ask(cluster, "PUT", f"{DEPLOYMENTS}/a/scale", scale)).status == 200
    found = (await ask(cluster, "GET", f"{DEPLOYMENTS}/a")).body
    assert found["spec"]["replicas"] == 5
    assert found["metadata"]["generation"] == 2
    stale = await ask(cluster, "PUT", f"{DEPLOYMENTS}/a/scale", scale)
    assert stale.status == 409
    patched = await ask(
        cluster, "PATCH", f"{DEPLOYMENTS}/a/scale", {"spec": {"replicas": 1}}, MERGE
    )
    assert patched.body["spec"] == {"replicas": 1}


@pytest.mark.parametrize("replicas", [-1, "three", 1.5])
async def test_scale_takes_no_nonsense(cluster: TestCluster, replicas: Any) -> None:
    await ask(cluster, "POST", DEPLOYMENTS, deployment("a"))
    patch = {"spec": {"replicas": replicas}}
    reply = await ask(cluster, "PATCH", f"{DEPLOYMENTS}/a/scale", patch, MERGE)
    assert reply.status in (400, 422)


async def test_a_pod_is_bound_once(cluster: TestCluster) -> None:
    await ask(cluster, "POST", PODS, pod("a"))
    binding = {"metadata": {"name": "a"}, "target": {"kind": "Node", "name": "n1"}}
    reply = await ask(cluster, "POST", f"{PODS}/a/binding", binding)
    assert (reply.status, reply.body["status"]) == (201, "Success")
    found = (await ask(cluster, "GET", f"{PODS}/a")).body
    assert found["spec"]["nodeName"] == "n1"
    assert found["metadata"]["generation"] == 1
    (condition,) = found["status"]["conditions"]
    assert (condition["type"], condition["status"]) == ("PodScheduled", "True")
    again = await ask(cluster, "POST", f"{PODS}/a/binding", binding)
    assert again.status == 409
    assert again.message == (
        'Operation cannot be fulfilled on pods/binding "a": pod a is already assigned to node "n1"'
    )


async def test_bindings_may_be_posted_to_their_own_collection(cluster: TestCluster) -> None:
    await ask(cluster, "POST", PODS, pod("a"))
    binding = {"metadata": {"name": "a"}, "target": {"kind": "Node", "name": "n1"}}
    path = "/api/v1/namespaces/default/bindings"
    assert (await ask(cluster, "POST", path, binding)).status == 201
    assert (await ask(cluster, "GET", f"{PODS}/a")).body["spec"]["nodeName"] == "n1"


async def test_a_binding_needs_a_target(cluster: TestCluster) -> None:
    await ask(cluster, "POST", PODS, pod("a"))
    reply = await ask(cluster, "POST", f"{PODS}/a/binding", {"target": {"kind": "Node"}})
    assert reply.status == 422
    assert reply.body["details"]["causes"][0]["field"] == "target.name"


async def _running(cluster: TestCluster, name: str) -> None:
    sent = pod(name, nodeName="n1")
    sent["metadata"]["labels"] = {"app": "web"}
    made = (await ask(cluster, "POST", PODS, sent)).body
    made["status"] = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    assert (await ask(cluster, "PUT", f"{PODS}/{name}/status", made)).status == 200


async def _budget(cluster: TestCluster, name: str, allowed: int) -> None:
    sent = {
        "metadata": {"name": name},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    }
    made = (await ask(cluster, "POST", BUDGETS, sent)).body
    made["status"] = {
        "observedGeneration": 1,
        "disruptionsAllowed": allowed,
        "currentHealthy": 1 + allowed,
        "desiredHealthy": 1,
        "expectedPods": 2,
    }
    assert (await ask(cluster, "PUT", f"{BUDGETS}/{name}/status", made)).status == 200


async def test_eviction_spends_the_disruption_budget(cluster: TestCluster) -> None:
    await _running(cluster, "a")
    await _running(cluster, "b")
    await _budget(cluster, "keep-one", 1)
    eviction = {"deleteOptions": {"gracePeriodSeconds": 0}}
    assert (await ask(cluster, "POST", f"{PODS}/a/eviction", eviction)).status == 201
    assert (await ask(cluster, "GET", f"{PODS}/a")).status == 404
    status = (await ask(cluster, "GET", f"{BUDGETS}/keep-one")).body["status"]
    assert status["disruptionsAllowed"] == 0
    assert "a" in status["disruptedPods"]
    reply = await ask(cluster, "POST", f"{PODS}/b/eviction", eviction)
    assert (reply.status, reply.body["reason"]) == (429, "TooManyRequests")
    assert reply.message == "Cannot evict pod as it would violate the pod's disruption budget."
    (cause,) = reply.body["details"]["causes"]
    assert cause["reason"] == "DisruptionBudget"
    assert (await ask(cluster, "GET", f"{PODS}/b")).status == 200


async def test_a_pod_of_two_budgets_cannot_be_evicted(cluster: TestCluster) -> None:
    await _running(cluster, "a")
    await _budget(cluster, "one", 1)
    await _budget(cluster, "two", 1)
    reply = await ask(cluster, "POST", f"{PODS}/a/eviction", {})
    assert reply.status == 500
    assert "more than one PodDisruptionBudget" in reply.message


async def test_a_pod_without_a_budget_is_evicted(cluster: TestCluster) -> None:
    await _running(cluster, "a")
    assert (await ask(cluster, "POST", f"{PODS}/a/eviction", {})).status == 201
    found = (await ask(cluster, "GET", f"{PODS}/a")).body
    assert found["metadata"]["deletionGracePeriodSeconds"] == 30
    (condition,) = (c for c in found["status"]["conditions"] if c["type"] == "DisruptionTarget")
    assert (condition["status"], condition["reason"]) == ("True", "EvictionByEvictionAPI")


@pytest.mark.parametrize("precondition", ["uid", "resourceVersion"])
async def test_an_eviction_of_another_pod_is_a_conflict(
    cluster: TestCluster, precondition: str
) -> None:
    await _running(cluster, "a")
    before = (await ask(cluster, "GET", f"{PODS}/a")).body
    wrong = {"deleteOptions": {"preconditions": {precondition: "1"}}}
    assert (await ask(cluster, "POST", f"{PODS}/a/eviction", wrong)).status == 409
    assert (await ask(cluster, "GET", f"{PODS}/a")).body == before
    dry = {"deleteOptions": {"dryRun": ["All"]}}
    assert (await ask(cluster, "POST", f"{PODS}/a/eviction", dry)).status == 201
    assert (await ask(cluster, "GET", f"{PODS}/a")).body == before
    right = {"deleteOptions": {"preconditions": {precondition: before["metadata"][precondition]}}}
    assert (await ask(cluster, "POST", f"{PODS}/a/eviction", right)).status == 201
    found = (await ask(cluster, "GET", f"{PODS}/a")).body
    assert found["metadata"]["deletionTimestamp"]


async def test_a_service_account_gets_tokens_the_server_believes(cluster: TestCluster) -> None:
    path = "/api/v1/namespaces/default/serviceaccounts/default/token"
    reply = await ask(cluster, "POST", path, {"spec": {"expirationSeconds": 600}})
    assert reply.status == 201
    review = {"spec": {"token": reply.body["status"]["token"]}}
    path = "/apis/authentication.k8s.io/v1/tokenreviews"
    status = (await ask(cluster, "POST", path, review)).body["status"]
    assert status["authenticated"] is True
    assert status["user"]["username"] == "system:serviceaccount:default:default"


async def test_approval_changes_only_the_verdict(cluster: TestCluster) -> None:
    sent = {
        "metadata": {"name": "a"},
        "spec": asking("x", signerName="example.com/x")[0]["spec"],
    }
    made = (await ask(cluster, "POST", REQUESTS, sent)).body
    assert made["spec"]["username"] == "admin"
    made["status"] = {
        "conditions": [{"type": "Approved", "status": "True", "reason": "Test"}],
        "certificate": "Zm9v",
    }
    made["spec"]["username"] = "somebody"
    reply = await ask(cluster, "PUT", f"{REQUESTS}/a/approval", made)
    assert reply.status == 200
    assert reply.body["spec"]["username"] == "admin"
    assert [c["type"] for c in reply.body["status"]["conditions"]] == ["Approved"]
    assert "certificate" not in reply.body["status"]


async def test_a_verdict_is_given_by_approval_alone(cluster: TestCluster) -> None:
    sent = {
        "metadata": {"name": "b"},
        "spec": asking("x", signerName="example.com/x")[0]["spec"],
    }
    path = f"{REQUESTS}/b"
    made = (await ask(cluster, "POST", REQUESTS, sent)).body
    approved = {"type": "Approved", "status": "True", "reason": "Test"}
    failed = {"type": "Failed", "status": "True", "reason": "Test"}

    async def say(part: str, *conditions: Any) -> Any:
        made["metadata"].pop("resourceVersion", None)
        body = {**made, "status": {"conditions": [dict(c) for c in conditions]}}
        return await ask(cluster, "PUT", f"{path}/{part}", body)

    refused = await say("status", approved)
    assert refused.status == 422
    assert 'updates may not add a condition of type "Approved"' in refused.message
    assert (await say("approval", approved)).status == 200
    refused = await say("status", failed)
    assert refused.status == 422
    assert 'updates may not remove a condition of type "Approved"' in refused.message
    told = await say("status", failed, {**approved, "reason": "Other"})
    assert told.status == 200
    found = [(c["type"], c["reason"]) for c in told.body["status"]["conditions"]]
    assert found == [("Failed", "Test"), ("Approved", "Test")]


async def test_ephemeral_containers_are_all_their_subresource_changes(
    cluster: TestCluster,
) -> None:
    made = (await ask(cluster, "POST", PODS, pod("a"))).body
    made["spec"]["ephemeralContainers"] = [{"name": "debug", "image": "busybox"}]
    made["spec"]["containers"][0]["image"] = "other"
    reply = await ask(cluster, "PUT", f"{PODS}/a/ephemeralcontainers", made)
    assert reply.status == 200
    spec = reply.body["spec"]
    assert [c["name"] for c in spec["ephemeralContainers"]] == ["debug"]
    assert spec["containers"][0]["image"] == "web:1"


async def test_logs_of_a_pod_without_a_node_are_empty(cluster: TestCluster) -> None:
    await ask(cluster, "POST", PODS, pod("a"))
    reply = await ask(cluster, "GET", f"{PODS}/a/log")
    assert (reply.status, reply.body) == (200, b"")


async def test_a_container_must_be_named_when_there_are_several(cluster: TestCluster) -> None:
    containers = [{"name": name, "image": "x"} for name in ("one", "two")]
    await ask(cluster, "POST", PODS, pod("a", containers=containers))
    reply = await ask(cluster, "GET", f"{PODS}/a/log")
    assert reply.status == 400
    assert reply.message == (
        "a container name must be specified for pod a, choose one of: [one two]"
    )
    reply = await ask(cluster, "GET", f"{PODS}/a/log", container="three")
    assert (reply.status, reply.message) == (400, "container three is not valid for pod a")


async def test_exec_needs_an_upgrade_and_a_node(cluster: TestCluster) -> None:
    await ask(cluster, "POST", PODS, pod("a"))
    reply = await ask(cluster, "POST", f"{PODS}/a/exec", command="ls", stdout="true")
    assert (reply.status, reply.message) == (400, "Upgrade request required")
    headers = {"upgrade": "websocket", "connection": "Upgrade"}
    query = {"command": "ls", "stdout": "true"}
    reply = await ask(cluster, "GET", f"{PODS}/a/exec", headers=headers, **query)
    assert (reply.status, reply.message) == (400, "pod a does not have a host assigned")


async def test_nonsense_in_log_options_is_refused(cluster: TestCluster) -> None:
    await ask(cluster, "POST", PODS, pod("a"))
    assert (await ask(cluster, "GET", f"{PODS}/a/log", tailLines="many")).status == 400
    assert (await ask(cluster, "GET", f"{PODS}/a/log", tailLines="-1")).status == 422


def _accept(shape: str) -> dict[str, str]:
    return {"accept": f"application/json;as={shape};v=v1;g=meta.k8s.io"}


async def test_a_scale_has_a_table_and_metadata(cluster: TestCluster) -> None:
    made = await ask(cluster, "POST", DEPLOYMENTS, deployment("a", replicas=2))
    path = f"{DEPLOYMENTS}/a/scale"
    shown = (await ask(cluster, "GET", path, None, _accept("Table"))).body
    assert (shown["kind"], shown["apiVersion"]) == ("Table", "meta.k8s.io/v1")
    assert shown["metadata"] == {"resourceVersion": made.body["metadata"]["resourceVersion"]}
    columns = [(c["name"], c["type"], c["format"]) for c in shown["columnDefinitions"]]
    assert columns == [
        ("Name", "string", ""),
        ("Desired", "integer", ""),
        ("Available", "integer", ""),
        ("Age", "string", ""),
    ]
    assert shown["rows"][0]["cells"][:3] == ["a", 2, 0]
    assert shown["rows"][0]["object"]["kind"] == "PartialObjectMetadata"
    whole = (await ask(cluster, "GET", path, None, _accept("Table"), includeObject="Object")).body
    assert whole["rows"][0]["object"]["kind"] == "Scale"
    alone = (await ask(cluster, "GET", path, None, _accept("PartialObjectMetadata"))).body
    assert (alone["kind"], alone["metadata"]["name"]) == ("PartialObjectMetadata", "a")
    assert "spec" not in alone
    patched = await ask(cluster, "PATCH", path, {"spec": {"replicas": 5}}, MERGE | _accept("Table"))
    assert patched.body["rows"][0]["cells"][:2] == ["a", 5]
    nothing = await ask(cluster, "PATCH", path, {"spec": {"replicas": 0}}, MERGE)
    assert (nothing.body["spec"], nothing.body["status"]["replicas"]) == ({}, 0)
    refused = await ask(cluster, "GET", path, None, _accept("PartialObjectMetadataList"))
    assert (refused.status, refused.message) == (
        406,
        "you requested PartialObjectMetadataList, but the requested object is not a list "
        "(*autoscaling.Scale)",
    )


async def test_a_review_has_no_table(cluster: TestCluster) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    review = {"spec": {"resourceAttributes": {"verb": "get", "resource": "pods"}}}
    assert (await ask(cluster, "POST", path, review)).body["status"]["allowed"] is True
    headers = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
    reply = await ask(cluster, "POST", path, review, headers)
    assert (reply.status, reply.body["reason"]) == (406, "NotAcceptable")
