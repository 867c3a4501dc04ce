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
            "clusterIPs": ["10.96.0.9"],
            "ports": [{"port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP"}],
            "selector": {"b": "2", "a": "1"},
        },
    )
    assert shown["Port(s)"] == "80:30080/TCP,53/UDP"
    assert shown["External-IP"] == "<none>"
    assert shown["Selector"] == "a=1,b=2"
    assert shown["Age"] == "90s"
    assert shown["Cluster-IP"] == "10.96.0.9"
    balanced = row("v1", "Service", spec={"type": "LoadBalancer"})
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


SELECTOR = {
    "matchLabels": {"tier": "web", "app": "a"},
    "matchExpressions": [
        {"key": "b", "operator": "In", "values": ["2", "1"]},
        {"key": "c", "operator": "DoesNotExist"},
        {"key": "z", "operator": "Exists"},
    ],
}


def test_selectors_are_in_the_order_of_their_keys() -> None:
    shown = row("networking.k8s.io/v1", "NetworkPolicy", spec={"podSelector": SELECTOR})
    assert shown["Pod-Selector"] == "app=a,b in (1,2),!c,tier=web,z"
    assert row("networking.k8s.io/v1", "NetworkPolicy", spec={})["Pod-Selector"] == "<none>"


def test_balancers_are_told_once_and_in_order() -> None:
    ingress = [{"ip": "10.0.0.2"}, {"hostname": "a.example"}, {}, {"ip": "10.0.0.2"}]
    balanced = {"loadBalancer": {"ingress": ingress}}
    spec = {"type": "LoadBalancer", "externalIPs": ["192.0.2.1"]}
    shown = row("v1", "Service", spec=spec, status=balanced)
    assert shown["External-IP"] == "10.0.0.2,a.example,192.0.2.1"
    shown = row("networking.k8s.io/v1", "Ingress", spec={}, status=balanced)
    assert shown["Address"] == "10.0.0.2,a.example"


def test_every_rule_after_the_third_host_is_one_more() -> None:
    def hosts(*names: str) -> Any:
        rules = [{"host": name} if name else {} for name in names]
        return row("networking.k8s.io/v1", "Ingress", spec={"rules": rules})["Hosts"]

    assert hosts() == "*"
    assert hosts("a", "", "b", "c") == "a,b,c"
    assert hosts("a", "b", "c", "", "e") == "a,b,c + 2 more..."


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        (("networking.k8s.io/v1", "IngressClass"), "ingressclass.kubernetes.io/is-default-class"),
        (("storage.k8s.io/v1", "StorageClass"), "storageclass.kubernetes.io/is-default-class"),
    ],
)
def test_default_classes_say_so(kind: tuple[str, str], spec: str) -> None:
    assert row(*kind, metadata=META | {"annotations": {spec: "true"}})["Name"] == "x (default)"
    assert row(*kind, metadata=META | {"annotations": {spec: "yes"}})["Name"] == "x"


def test_nodes_say_which_architecture_their_kernel_is_for() -> None:
    info = {"kernelVersion": "6.1.0", "architecture": "arm64"}
    addresses = [{"type": "InternalIP", "address": a} for a in ("10.0.0.1", "10.0.0.2")]
    shown = row("v1", "Node", spec={}, status={"nodeInfo": info, "addresses": addresses})
    assert (shown["Kernel-Version"], shown["Internal-IP"]) == ("6.1.0 (arm64)", "10.0.0.1")


def test_events_of_the_newer_kind_tell_time_and_source_their_own_way() -> None:
    fields = {
        "metadata": META,
        "involvedObject": {"kind": "Pod"},
        "eventTime": "2026-01-01T00:00:30.000000Z",
        "reportingComponent": "kubelet",
        "reportingInstance": "n1",
    }
    shown = row("v1", "Event", **fields)
    assert (shown["First Seen"], shown["Last Seen"], shown["Count"]) == ("60s", "60s", 1)
    assert (shown["Source"], shown["Object"]) == ("kubelet, n1", "pod")
    series = {"count": 7, "lastObservedTime": "2026-01-01T00:01:20.000000Z"}
    shown = row("v1", "Event", **fields, series=series)
    assert (shown["Last Seen"], shown["Count"]) == ("10s", 7)
    assert row("v1", "Event")["Last Seen"] == "<unknown>"


def test_volumes_tell_modes_in_one_order_and_classes_by_annotation_first() -> None:
    spec = {
        "accessModes": ["ReadWriteMany", "ReadWriteOnce", "ReadWriteMany"],
        "storageClassName": "new",
        "volumeName": "v",
    }
    old = META | {"annotations": {"volume.beta.kubernetes.io/storage-class": "old"}}
    shown = row("v1", "PersistentVolume", metadata=old, spec=spec)
    assert (shown["Access Modes"], shown["StorageClass"]) == ("RWO,RWX", "old")
    assert (shown["Capacity"], shown["VolumeMode"]) == ("0", "<unset>")
    shown = row("v1", "PersistentVolumeClaim", spec=spec)
    assert (shown["Capacity"], shown["StorageClass"]) == ("0", "new")
    assert row("v1", "PersistentVolumeClaim", spec={})["Capacity"] == ""
    shown = row("storage.k8s.io/v1", "CSIStorageCapacity", storageClassName="a", capacity="1Gi")
    assert list(shown.values()) == ["x", "a", "1Gi"]


def test_metrics_without_a_target_are_automatic() -> None:
    def targets(*metrics: Any, current: Any = ()) -> Any:
        spec = {**MINIMAL, "metrics": metrics}
        status = {"currentMetrics": list(current)}
        return row("autoscaling/v2", "HorizontalPodAutoscaler", spec=spec, status=status)["Targets"]

    cpu = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization"}}}
    pods = {"type": "Pods", "pods": {"target": {"averageValue": "2"}}}
    outside = {"type": "External", "external": {"target": {"averageValue": "3"}}}
    now = {"type": "External", "external": {"current": {"averageValue": "1"}}}
    assert targets(cpu) == "cpu: <unknown>/<auto>"
    assert targets(pods, outside, current=[{}, now]) == "<unknown>/2, 1/3 (avg)"
    assert targets(cpu, pods, outside) == "cpu: <unknown>/<auto>, <unknown>/2 + 1 more..."
    assert targets({"type": "Novel"}) == "<unknown type>"


def test_policy_bindings_say_which_parameters_they_take() -> None:
    def parameters(**ref: Any) -> Any:
        kind = "ValidatingAdmissionPolicyBinding"
        return row("admissionregistration.k8s.io/v1", kind, spec={"paramRef": ref})["ParamRef"]

    assert parameters() == "<unset>"
    assert parameters(name="p") == "*/p"
    assert parameters(name="p", namespace="n") == "n/p"
    rule = {"key": "k", "operator": "In", "values": ["a", "b"]}
    assert parameters(selector={"matchLabels": {"l": "1"}, "matchExpressions": [rule]}) == (
        "&LabelSelector{MatchLabels:map[string]string{l: 1,},MatchExpressions:"
        "[]LabelSelectorRequirement{LabelSelectorRequirement{Key:k,Operator:In,Values:[a b],},},}"
    )


def test_endpoints_and_slices_tell_ports_and_addresses() -> None:
    six = row("v1", "Endpoints", subsets=[{"addresses": [{"ip": "fd::1"}], "ports": [{"port": 1}]}])
    assert six["Endpoints"] == "[fd::1]:1"
    assert row("v1", "Endpoints")["Endpoints"] == "<none>"
    assert row("v1", "Endpoints", subsets=[{}])["Endpoints"] == ""
    ports = [{"port": 80}, {"name": "any"}, {}]
    shown = row("discovery.k8s.io/v1", "EndpointSlice", ports=ports, endpoints=[])
    assert (shown["Ports"], shown["Endpoints"]) == ("80,any,*", "<unset>")


def test_what_else_is_told_as_kubernetes_tells_it() -> None:
    assert list(row("v1", "ServiceAccount", secrets=[{}])) == ["Name", "Age"]
    cron = row("batch/v1", "CronJob", spec={**MINIMAL, "suspend": False})
    assert (cron["Suspend"], cron["Timezone"], cron["Last Schedule"]) == (
        "False",
        "<none>",
        "<none>",
    )
    assert row("storage.k8s.io/v1", "CSIDriver", spec={})["Modes"] == "<none>"
    request = row("certificates.k8s.io/v1", "CertificateSigningRequest", spec={})
    assert (request["Requestor"], request["RequestedDuration"]) == ("", "<none>")
    exempt = {"type": "Exempt", "exempt": {"nominalConcurrencyShares": 5}}
    level = row("flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration", spec=exempt)
    assert level["NominalConcurrencyShares"] == "<none>"
    condition = {"type": "Healthy", "status": "Unknown"}
    assert row("v1", "ComponentStatus", conditions=[condition])["Status"] == "Unhealthy"
    hard = {"limits.cpu": "2", "limitsish": "3", "pods": "4"}
    quota = row("v1", "ResourceQuota", status={"hard": hard, "used": {"pods": "1"}})
    assert quota["Limit"] == "limits.cpu: 0/2"
    assert quota["Request"] == "limitsish: 0/3, pods: 1/4"
