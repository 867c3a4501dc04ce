"""Kinds served in more than one form: the same records, each in the form asked for."""

from __future__ import annotations

from tests.cluster.api_requests import ask

from grappe.testing.cluster import TestCluster

CORE_EVENTS = "/api/v1/namespaces/default/events"
EVENTS = "/apis/events.k8s.io/v1/namespaces/default/events"
SCALERS_V1 = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers"
SCALERS_V2 = "/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers"


async def test_an_event_of_either_group_is_seen_through_both(cluster: TestCluster) -> None:
    core = {
        "metadata": {"name": "a"},
        "involvedObject": {"kind": "Pod", "name": "p", "namespace": "default"},
        "reason": "Started",
        "message": "hello",
        "type": "Normal",
    }
    assert (await ask(cluster, "POST", CORE_EVENTS, core)).status == 201
    seen = (await ask(cluster, "GET", f"{EVENTS}/a")).body
    assert (seen["apiVersion"], seen["note"], seen["regarding"]["name"]) == (
        "events.k8s.io/v1",
        "hello",
        "p",
    )
    listed = await ask(cluster, "GET", EVENTS, fieldSelector="regarding.name=p")
    assert [item["note"] for item in listed.body["items"]] == ["hello"]
    listed = await ask(cluster, "GET", CORE_EVENTS, fieldSelector="involvedObject.name=p")
    assert [item["message"] for item in listed.body["items"]] == ["hello"]
    seen["note"] = "changed"
    assert (await ask(cluster, "PUT", f"{EVENTS}/a", seen)).status == 200
    assert (await ask(cluster, "GET", f"{CORE_EVENTS}/a")).body["message"] == "changed"


async def test_an_autoscaler_of_v1_is_one_of_v2(cluster: TestCluster) -> None:
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}
    sent = {
        "metadata": {"name": "a"},
        "spec": {"maxReplicas": 5, "scaleTargetRef": target, "targetCPUUtilizationPercentage": 50},
    }
    assert (await ask(cluster, "POST", SCALERS_V1, sent)).status == 201
    (metric,) = (await ask(cluster, "GET", f"{SCALERS_V2}/a")).body["spec"]["metrics"]
    assert metric["resource"]["target"]["averageUtilization"] == 50
    again = (await ask(cluster, "GET", f"{SCALERS_V1}/a")).body
    assert again["apiVersion"] == "autoscaling/v1"
    assert again["spec"]["targetCPUUtilizationPercentage"] == 50
