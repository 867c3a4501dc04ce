from typing import Any

import pytest

from grappe.api.resources import PODS, SECRETS, SERVICES
from grappe.apiserver.admission.kinds import PERSISTENT_VOLUME_CLAIMS
from grappe.apiserver.admission.quota_usage import facts, in_scope, unspecified, usage


def told(resource: Any, obj: dict[str, Any]) -> dict[str, int]:
    return {name: int(value * 1000) for name, value in usage(resource, obj).items()}


def pod(**resources: Any) -> dict[str, Any]:
    return {"spec": {"containers": [{"name": "c", "resources": resources}]}}


def test_a_pod_uses_its_requests_and_limits_and_itself() -> None:
    found = told(PODS, pod(requests={"cpu": "1"}, limits={"memory": "2"}))
    assert found == {
        "count/pods": 1000,
        "pods": 1000,
        "requests.cpu": 1000,
        "cpu": 1000,
        "limits.memory": 2000,
    }


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_is_only_counted(phase: str) -> None:
    ended = {**pod(requests={"cpu": "1"}), "status": {"phase": phase}}
    assert told(PODS, ended) == {"count/pods": 1000}


@pytest.mark.parametrize(
    ("spec", "used"),
    [
        ({"type": "ClusterIP", "ports": [{}]}, {}),
        ({"type": "NodePort", "ports": [{}, {}]}, {"services.nodeports": 2000}),
        (
            {"type": "LoadBalancer", "ports": [{}]},
            {"services.loadbalancers": 1000, "services.nodeports": 1000},
        ),
        (
            {"type": "LoadBalancer", "ports": [{}], "allocateLoadBalancerNodePorts": False},
            {"services.loadbalancers": 1000, "services.nodeports": 0},
        ),
    ],
)
def test_services_use_ports(spec: dict[str, Any], used: dict[str, int]) -> None:
    found = told(SERVICES, {"spec": spec})
    assert {k: v for k, v in found.items() if "." in k} == used
    assert found["services"] == found["count/services"] == 1000


def test_a_claim_uses_storage_of_its_class() -> None:
    spec = {"storageClassName": "fast", "resources": {"requests": {"storage": "3"}}}
    found = told(PERSISTENT_VOLUME_CLAIMS, {"spec": spec})
    assert found["requests.storage"] == 3000
    assert found["fast.storageclass.storage.k8s.io/requests.storage"] == 3000
    assert found["persistentvolumeclaims"] == 1000


def test_anything_can_be_counted() -> None:
    assert told(SECRETS, {}) == {"count/secrets": 1000, "secrets": 1000}


@pytest.mark.parametrize(
    ("scopes", "spec", "covered"),
    [
        ([], {}, True),
        (["BestEffort"], {}, True),
        (["NotBestEffort"], {}, False),
        (["Terminating"], {"activeDeadlineSeconds": 5}, True),
        (["NotTerminating"], {"activeDeadlineSeconds": 5}, False),
        (["BestEffort", "Terminating"], {}, False),
    ],
)
def test_scopes_choose_pods(scopes: list[str], spec: dict[str, Any], covered: bool) -> None:
    quota = {"spec": {"scopes": scopes}}
    assert in_scope(quota, facts(PODS, {"spec": spec})) is covered
    assert in_scope(quota, facts(SECRETS, {})) is (not scopes)


@pytest.mark.parametrize(
    ("operator", "values", "covered"),
    [
        ("In", ["high"], True),
        ("NotIn", ["high"], False),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
    ],
)
def test_a_scope_selector_chooses_by_priority_class(operator, values, covered) -> None:
    expression = {"scopeName": "PriorityClass", "operator": operator, "values": values}
    quota = {"spec": {"scopeSelector": {"matchExpressions": [expression]}}}
    assert in_scope(quota, facts(PODS, {"spec": {"priorityClassName": "high"}})) is covered


def test_what_a_quota_limits_must_be_said() -> None:
    spec = pod(requests={"cpu": "1"})["spec"]
    hard = {"requests.cpu": "1", "limits.memory": "1", "pods": "1"}
    assert list(unspecified(spec, hard)) == ["limits.memory for: c"]
