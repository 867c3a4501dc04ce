"""Kinds served in more than one form: the same records, each in the form asked for."""

from __future__ import annotations

from typing import Any

from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import ask

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
    seen["series"] = {"count": 2, "lastObservedTime": "2026-01-31T12:00:00.000000Z"}
    put = await ask(cluster, "PUT", f"{EVENTS}/a", seen)
    assert put.status == 200
    assert (await ask(cluster, "GET", f"{CORE_EVENTS}/a")).body["series"]["count"] == 2
    reply = await ask(cluster, "PUT", f"{EVENTS}/a", {**put.body, "note": "changed"})
    assert reply.status == 422
    assert 'message: Invalid value: "changed": field is immutable' in reply.message


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


def _definition(*selectable: str) -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    versions = [
        {
            "name": name,
            "served": True,
            "storage": name == "v1",
            "schema": {
                "openAPIV3Schema": {
                    "type": "object",
                    "properties": {
                        "spec": {
                            **schema,
                            "properties": {
                                "colour": {"type": "string"},
                                "size": {"type": "integer"},
                            },
                        }
                    },
                }
            },
            "selectableFields": [{"jsonPath": path} for path in selectable],
        }
        for name in ("v1", "v2")
    ]
    return {
        "metadata": {"name": "wines.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "wines", "kind": "Wine"},
            "versions": versions,
        },
    }


async def test_a_custom_resource_is_the_same_in_every_version(cluster: TestCluster) -> None:
    definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
    v1, v2 = (f"/apis/example.com/{v}/namespaces/default/wines" for v in ("v1", "v2"))
    assert (await ask(cluster, "POST", definitions, _definition(".spec.colour"))).status == 201
    for name, colour in (("a", "red"), ("b", "white")):
        wine = {
            "apiVersion": "example.com/v2",
            "kind": "Wine",
            "metadata": {"name": name},
            "spec": {"colour": colour, "size": 3},
        }
        assert (await ask(cluster, "POST", v2, wine)).status == 201
    first = (await ask(cluster, "GET", f"{v1}/a")).body
    second = (await ask(cluster, "GET", f"{v2}/a")).body
    assert first["apiVersion"] == "example.com/v1"
    assert {**first, "apiVersion": "example.com/v2"} == second
    for path in (v1, v2):
        listed = await ask(cluster, "GET", path, fieldSelector="spec.colour=red")
        assert [item["metadata"]["name"] for item in listed.body["items"]] == ["a"]
    reply = await ask(cluster, "GET", v1, fieldSelector="spec.size=3")
    assert (reply.status, reply.message) == (400, "field label not supported: spec.size")

    live = (await ask(cluster, "GET", f"{definitions}/wines.example.com")).body
    live["spec"] = _definition(".spec.size")["spec"]
    assert (await ask(cluster, "PUT", f"{definitions}/wines.example.com", live)).status == 200
    listed = await ask(cluster, "GET", v1, fieldSelector="spec.size=3")
    assert len(listed.body["items"]) == 2
