"""Every kind's row fits its columns, and rows say what kubectl's users know."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api import printers
from grappe.api.age import human_duration
from grappe.api.resources import BUILTIN, Resource, builtin_kind

META = {"name": "x", "namespace": "d", "creationTimestamp": "2026-01-01T00:00:00Z"}
NOW = 1767225600.0 + 90

TEMPLATE = {"spec": {"containers": [{"name": "c", "image": "i"}]}}
MINIMAL: dict[str, Any] = {
    "template": TEMPLATE,
    "scaleTargetRef": {"kind": "Deployment", "name": "web"},
    "jobTemplate": {"spec": {"template": TEMPLATE}},
    "containers": [{"name": "c", "image": "i"}],
}


@pytest.mark.parametrize("resource", BUILTIN, ids=lambda r: f"{r.api_version}/{r.kind}")
def test_a_row_has_a_cell_for_every_column(resource: Resource) -> None:
    obj = {"metadata": META, "spec": MINIMAL, "roleRef": {"kind": "Role", "name": "r"}}
    if resource.kind == "ReplicationController":
        obj["spec"] = {**MINIMAL, "selector": {"a": "b"}}
    assert len(printers.cells(resource, obj, NOW)) == len(printers.columns(resource))


HOLLOW = {
    "conditions": [{}],
    "addresses": [{}],
    "containerStatuses": [{}],
    "initContainerStatuses": [{}, {"state": {"terminated": {}}}, {"state": {"waiting": {}}}],
    "currentMetrics": [{}],
    "loadBalancer": {"ingress": [{}]},
}
"""Nothing in a status need be filled in: what a kind's rules let pass is printed somehow."""


@pytest.mark.parametrize("resource", BUILTIN, ids=lambda r: f"{r.api_version}/{r.kind}")
def test_a_hollow_status_has_a_row_too(resource: Resource) -> None:
    obj = {"metadata": META, "spec": MINIMAL, "roleRef": {"kind": "Role", "name": "r"}}
    if resource.kind == "ReplicationController":
        obj["spec"] = {**MINIMAL, "selector": {"a": "b"}}
    obj["status"] = HOLLOW
    assert len(printers.cells(resource, obj, NOW)) == len(printers.columns(resource))


def row(api_version: str, kind: str, **fields: Any) -> dict[str, Any]:
    resource = builtin_kind(api_version, kind)
    assert resource is not None
    cells = printers.cells(resource, {"metadata": META, **fields}, NOW)
    return dict(zip((c["name"] for c in printers.columns(resource)), cells, strict=True))


def test_services() -> None:
    shown = row(
        "v1",
        "Service",
        spec={
            "type": "NodePort",
            "clusterIP": "10.96.0.9",
            "ports": [{"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP"}],
            "selector": {"b": "2", "a": "1"},
        },
    )
    assert shown["Port(s)"] == "80:30080/TCP,53/UDP"
    assert shown["External-IP"] == "<none>"
    assert shown["Selector"] == "a=1,b=2"
    assert shown["Age"] == "90s"
    balanced = row("v1", "Service", spec={"type": "LoadBalancer", "clusterIP": "10.96.0.9"})
    assert balanced["External-IP"] == "<pending>"


def test_deployments() -> None:
    shown = row(
        "apps/v1",
        "Deployment",
        spec={"replicas": 3, "template": TEMPLATE, "selector": {"matchLabels": {"app": "web"}}},
        status={"readyReplicas": 2, "updatedReplicas": 1, "availableReplicas": 2},
    )
    assert shown["Ready"] == "2/3"
    assert shown["Up-to-date"] == 1
    assert (shown["Containers"], shown["Images"], shown["Selector"]) == ("c", "i", "app=web")


def test_nodes() -> None:
    shown = row(
        "v1",
        "Node",
        spec={"unschedulable": True},
        status={"conditions": [{"type": "Ready", "status": "True"}]},
    )
    assert shown["Status"] == "Ready,SchedulingDisabled"
    assert shown["Roles"] == "<none>"


def test_events() -> None:
    shown = row(
        "v1",
        "Event",
        type="Normal",
        reason="Pulled",
        message="done\n",
        involvedObject={"kind": "Pod", "name": "web"},
        lastTimestamp="2026-01-01T00:01:00Z",
        count=4,
    )
    assert (shown["Last Seen"], shown["Object"], shown["Message"]) == ("30s", "pod/web", "done")
    assert shown["Count"] == 4


def test_autoscalers() -> None:
    metric = {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}}
    shown = row(
        "autoscaling/v2",
        "HorizontalPodAutoscaler",
        spec={
            "scaleTargetRef": {"kind": "Deployment", "name": "web"},
            "maxReplicas": 5,
            "metrics": [{"type": "Resource", "resource": metric}],
        },
    )
    assert shown["Reference"] == "Deployment/web"
    assert shown["Targets"] == "cpu: <unknown>/80%"
    assert shown["MinPods"] == "<unset>"


def test_endpoints_show_three_and_count_the_rest() -> None:
    addresses = [{"ip": f"10.0.0.{i}"} for i in range(5)]
    shown = row("v1", "Endpoints", subsets=[{"addresses": addresses, "ports": [{"port": 80}]}])
    assert shown["Endpoints"] == "10.0.0.0:80,10.0.0.1:80,10.0.0.2:80 + 2 more..."


@given(st.floats(min_value=-1, max_value=1e9))
def test_durations_are_short(seconds: float) -> None:
    assert 1 < len(human_duration(seconds)) < 7


def test_resource_claims_say_how_far_they_are() -> None:
    def state(deleted: bool = False, **status: Any) -> Any:
        meta = {**META, "deletionTimestamp": "2026-01-01T00:00:00Z"} if deleted else META
        return row("resource.k8s.io/v1", "ResourceClaim", metadata=meta, status=status)["State"]

    allocated = {"allocation": {"devices": {}}}
    assert state() == "pending"
    assert state(deleted=True) == "deleted"
    assert state(**allocated) == "allocated"
    assert state(**allocated, reservedFor=[{"name": "p"}]) == "allocated,reserved"
    assert state(deleted=True, **allocated) == "deleted,allocated"


def test_resource_slices_say_whose_they_are() -> None:
    spec = {"nodeName": "n", "driver": "gpu.example.com", "pool": {"name": "a"}}
    shown = row("resource.k8s.io/v1", "ResourceSlice", spec=spec)
    assert list(shown.values()) == ["x", "n", "gpu.example.com", "a", "90s"]


def test_addresses_name_what_they_belong_to() -> None:
    def parent(**ref: str) -> Any:
        return row("networking.k8s.io/v1", "IPAddress", spec={"parentRef": ref})["ParentRef"]

    assert parent(resource="services", namespace="default", name="web") == "services/default/web"
    assert parent(resource="Things", group="example.com", name="a") == "things.example.com/a"
    assert parent() == "<none>"


def test_the_row_of_a_pod_that_has_ended_says_so() -> None:
    pods = builtin_kind("v1", "Pod")
    assert pods is not None
    assert printers.row_conditions(pods, {"status": {"phase": "Running"}}) == []
    (ended,) = printers.row_conditions(pods, {"status": {"phase": "Failed"}})
    assert (ended["type"], ended["reason"]) == ("Completed", "Failed")
