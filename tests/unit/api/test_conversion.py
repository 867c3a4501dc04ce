import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.conversion import conversion
from grappe.api.schema import builtin_schema

HPA = conversion("autoscaling/v1", "HorizontalPodAutoscaler")
EVENT = conversion("events.k8s.io/v1", "Event")


def test_most_kinds_are_stored_as_they_are() -> None:
    assert conversion("v1", "Pod") is None
    assert conversion("autoscaling/v2", "HorizontalPodAutoscaler") is None


def test_events_change_the_names_of_fields() -> None:
    assert EVENT is not None
    event = {
        "apiVersion": "events.k8s.io/v1",
        "kind": "Event",
        "metadata": {"name": "a"},
        "note": "hello",
        "regarding": {"kind": "Pod", "name": "p"},
        "reportingController": "kubelet",
        "deprecatedCount": 2,
        "reason": "Started",
        "series": {"count": 3},
    }
    stored = EVENT.to_storage(event)
    assert stored == {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "a"},
        "message": "hello",
        "involvedObject": {"kind": "Pod", "name": "p"},
        "reportingComponent": "kubelet",
        "count": 2,
        "reason": "Started",
        "series": {"count": 3},
    }
    assert builtin_schema("v1", "Event").decode(copy.deepcopy(stored)) == []
    assert EVENT.from_storage(stored) == event


def test_autoscaler_v1_is_a_cpu_metric_in_v2() -> None:
    assert HPA is not None
    old = {
        "apiVersion": "autoscaling/v1",
        "metadata": {"name": "a"},
        "spec": {"maxReplicas": 3, "targetCPUUtilizationPercentage": 50},
    }
    new = HPA.to_storage(old)
    assert new["spec"] == {
        "maxReplicas": 3,
        "metrics": [
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 50},
                },
            }
        ],
    }
    assert HPA.from_storage(new) == old


metrics = st.sampled_from(
    [
        {
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 7}},
        },
        {
            "type": "Pods",
            "pods": {
                "metric": {"name": "q", "selector": {"matchLabels": {"a": "b"}}},
                "target": {"type": "AverageValue", "averageValue": "1"},
            },
        },
        {
            "type": "Resource",
            "resource": {
                "name": "memory",
                "target": {"type": "AverageValue", "averageValue": "1Gi"},
            },
        },
        {
            "type": "ContainerResource",
            "containerResource": {
                "name": "cpu",
                "container": "web",
                "target": {"type": "Utilization", "averageUtilization": 60},
            },
        },
        {
            "type": "External",
            "external": {
                "metric": {"name": "queue"},
                "target": {"type": "Value", "value": "30"},
            },
        },
        {
            "type": "Object",
            "object": {
                "describedObject": {"kind": "Service", "name": "s", "apiVersion": "v1"},
                "metric": {"name": "rate"},
                "target": {"type": "AverageValue", "averageValue": "5"},
            },
        },
    ]
)
specs = st.fixed_dictionaries(
    {"maxReplicas": st.integers(1, 3)},
    optional={
        "metrics": st.lists(metrics, min_size=1, max_size=3),
        "behavior": st.just({"scaleDown": {"selectPolicy": "Max"}}),
    },
)
statuses = st.fixed_dictionaries(
    {"currentReplicas": st.integers(0, 3)},
    optional={
        "conditions": st.just([{"type": "AbleToScale", "status": "True"}]),
        "currentMetrics": st.just(
            [
                {
                    "type": "Resource",
                    "resource": {"name": "cpu", "current": {"averageUtilization": 9}},
                }
            ]
        ),
    },
)


@given(specs, statuses)
def test_an_autoscaler_survives_being_read_as_v1(
    spec: dict[str, Any], status: dict[str, Any]
) -> None:
    assert HPA is not None
    obj = {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "a"},
        "spec": spec,
        "status": status,
    }
    before = copy.deepcopy(obj)
    old = HPA.from_storage(obj)
    assert obj == before
    schema = builtin_schema("autoscaling/v1", "HorizontalPodAutoscaler")
    assert schema.decode(copy.deepcopy(old)) == []
    back = HPA.to_storage(old)
    assert back["status"] == status
    assert back["spec"].get("behavior") == spec.get("behavior")

    def texts(found: dict[str, Any]) -> list[str]:
        return sorted(json.dumps(m, sort_keys=True) for m in found.get("metrics", []))

    assert texts(back["spec"]) == texts(spec)


@pytest.mark.parametrize("text", ["{", "[]", "3", '{"scaleUp": 3}'])
def test_damaged_annotations_are_ignored(text: str) -> None:
    assert HPA is not None
    annotations = {"autoscaling.alpha.kubernetes.io/behavior": text}
    found = HPA.to_storage({"metadata": {"annotations": annotations}, "spec": {"maxReplicas": 1}})
    assert found["spec"] == {"maxReplicas": 1}


def test_other_metrics_travel_in_an_annotation_as_v1_writes_them() -> None:
    assert HPA is not None
    target = {"type": "AverageValue", "averageValue": "1k"}
    metric = {"type": "Pods", "pods": {"metric": {"name": "requests"}, "target": target}}
    old = HPA.from_storage({"metadata": {}, "spec": {"maxReplicas": 1, "metrics": [metric]}})
    text = old["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/metrics"]
    assert json.loads(text) == [
        {"type": "Pods", "pods": {"metricName": "requests", "targetAverageValue": "1k"}}
    ]


def test_what_is_no_metric_is_left_out() -> None:
    assert HPA is not None
    good = {"type": "Resource", "resource": {"name": "cpu", "targetAverageUtilization": 5}}
    wrong = [{"type": "Pods", "pods": {"metricName": 5}}, "x", {"type": 3}]
    annotations = {"autoscaling.alpha.kubernetes.io/metrics": json.dumps([good, *wrong])}
    found = HPA.to_storage({"metadata": {"annotations": annotations}, "spec": {"maxReplicas": 1}})
    assert [m["type"] for m in found["spec"]["metrics"]] == ["Resource"]
