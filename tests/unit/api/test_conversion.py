import copy
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
        {"type": "Pods", "pods": {"metric": {"name": "q"}, "target": {"averageValue": "1"}}},
        {"type": "Resource", "resource": {"name": "memory", "target": {"averageValue": "1Gi"}}},
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
    assert schema.unknown_fields(old) == []
    back = HPA.to_storage(old)
    cpu_first = sorted(spec.get("metrics", []), key=lambda m: m != spec["metrics"][0])
    assert back["status"] == status
    assert back["spec"].get("behavior") == spec.get("behavior")
    assert sorted(map(str, back["spec"].get("metrics", []))) == sorted(map(str, cpu_first))


@pytest.mark.parametrize("text", ["{", "[]", "3"])
def test_damaged_annotations_are_ignored(text: str) -> None:
    assert HPA is not None
    annotations = {"autoscaling.alpha.kubernetes.io/behavior": text}
    found = HPA.to_storage({"metadata": {"annotations": annotations}, "spec": {"maxReplicas": 1}})
    assert found["spec"] == {"maxReplicas": 1}
