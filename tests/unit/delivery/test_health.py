import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.delivery.health import Health, aggregate, assess
from grappe.delivery.health.assessments import ASSESSMENTS
from grappe.delivery.health.verdict import worst


def obj(api_version, kind, *, generation=1, spec=None, status=None, **meta):
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "x", "generation": generation, **meta},
        "spec": spec or {},
        "status": status or {},
    }


def condition(kind, status="True", reason="", message=""):
    return {"type": kind, "status": status, "reason": reason, "message": message}


SEEN = {"observedGeneration": 1}
ROLLED = {**SEEN, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2, "readyReplicas": 2}
WAITING = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}}}

CASES = [
    ("apps/v1", "Deployment", {"replicas": 2}, ROLLED, "Healthy"),
    ("apps/v1", "Deployment", {"replicas": 2}, {}, "Progressing"),
    ("apps/v1", "Deployment", {"replicas": 3}, ROLLED, "Progressing"),
    ("apps/v1", "Deployment", {"replicas": 2}, {**ROLLED, "replicas": 3}, "Progressing"),
    ("apps/v1", "Deployment", {"replicas": 2}, {**ROLLED, "availableReplicas": 1}, "Progressing"),
    ("apps/v1", "Deployment", {"replicas": 2, "paused": True}, ROLLED, "Suspended"),
    ("apps/v1", "Deployment", {"replicas": 2},
     {**ROLLED, "conditions": [condition("Progressing", "False", "ProgressDeadlineExceeded")]},
     "Degraded"),
    ("apps/v1", "ReplicaSet", {"replicas": 2}, ROLLED, "Healthy"),
    ("apps/v1", "ReplicaSet", {"replicas": 2}, SEEN, "Progressing"),
    ("apps/v1", "ReplicaSet", {"replicas": 2},
     {**SEEN, "conditions": [condition("ReplicaFailure")]}, "Degraded"),
    ("apps/v1", "StatefulSet", {"replicas": 2},
     {**ROLLED, "updateRevision": "a", "currentRevision": "a"}, "Healthy"),
    ("apps/v1", "StatefulSet", {"replicas": 2},
     {**ROLLED, "updateRevision": "b", "currentRevision": "a"}, "Progressing"),
    ("apps/v1", "StatefulSet", {"replicas": 3}, ROLLED, "Progressing"),
    ("apps/v1", "StatefulSet",
     {"replicas": 2, "updateStrategy": {"type": "RollingUpdate",
                                        "rollingUpdate": {"partition": 1}}},
     {**ROLLED, "updatedReplicas": 1}, "Healthy"),
    ("apps/v1", "DaemonSet", {}, {**SEEN, "desiredNumberScheduled": 1}, "Progressing"),
    ("apps/v1", "DaemonSet", {},
     {**SEEN, "desiredNumberScheduled": 1, "updatedNumberScheduled": 1, "numberAvailable": 1},
     "Healthy"),
    ("v1", "Pod", {}, {"phase": "Pending"}, "Progressing"),
    ("v1", "Pod", {}, {"phase": "Pending", "containerStatuses": [WAITING]}, "Degraded"),
    ("v1", "Pod", {"restartPolicy": "Never"},
     {"phase": "Pending", "containerStatuses": [WAITING]}, "Progressing"),
    ("v1", "Pod", {}, {"phase": "Running", "conditions": [condition("Ready")]}, "Healthy"),
    ("v1", "Pod", {}, {"phase": "Running"}, "Progressing"),
    ("v1", "Pod", {},
     {"phase": "Running", "containerStatuses": [{"lastState": {"terminated": {"exitCode": 1}}}]},
     "Degraded"),
    ("v1", "Pod", {"restartPolicy": "Never"}, {"phase": "Running"}, "Progressing"),
    ("v1", "Pod", {}, {"phase": "Succeeded"}, "Healthy"),
    ("v1", "Pod", {}, {"phase": "Failed"}, "Degraded"),
    ("v1", "Service", {"type": "ClusterIP"}, {}, "Healthy"),
    ("v1", "Service", {"type": "LoadBalancer"}, {}, "Progressing"),
    ("v1", "Service", {"type": "LoadBalancer"},
     {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}, "Healthy"),
    ("networking.k8s.io/v1", "Ingress", {}, {}, "Progressing"),
    ("v1", "PersistentVolumeClaim", {}, {"phase": "Bound"}, "Healthy"),
    ("v1", "PersistentVolumeClaim", {}, {"phase": "Lost"}, "Degraded"),
    ("batch/v1", "Job", {}, {}, "Progressing"),
    ("batch/v1", "Job", {}, {"conditions": [condition("Complete")]}, "Healthy"),
    ("batch/v1", "Job", {}, {"conditions": [condition("Failed")]}, "Degraded"),
    ("batch/v1", "Job", {}, {"conditions": [condition("Suspended")]}, "Suspended"),
    ("autoscaling/v2", "HorizontalPodAutoscaler", {}, {}, "Progressing"),
    ("autoscaling/v2", "HorizontalPodAutoscaler", {},
     {"conditions": [condition("AbleToScale", reason="SucceededRescale")]}, "Healthy"),
    ("autoscaling/v2", "HorizontalPodAutoscaler", {},
     {"conditions": [condition("ScalingActive", reason="FailedGetResourceMetric")]}, "Degraded"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", {},
     {"conditions": [condition("Established"), condition("NamesAccepted")]}, "Healthy"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", {},
     {"conditions": [condition("NamesAccepted", "False")]}, "Degraded"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition", {}, {}, "Progressing"),
    ("apiregistration.k8s.io/v1", "APIService", {},
     {"conditions": [condition("Available")]}, "Healthy"),
    ("argoproj.io/v1alpha1", "Application", {}, {"health": {"status": "Degraded"}}, "Degraded"),
    ("argoproj.io/v1alpha1", "Application", {}, {"health": {"status": "Missing"}}, "Progressing"),
]  # fmt: skip


@pytest.mark.parametrize(("api_version", "kind", "spec", "status", "expected"), CASES)
def test_health_is_what_argo_cd_says(api_version, kind, spec, status, expected):
    health = assess(obj(api_version, kind, spec=spec, status=status))
    assert health is not None
    assert health.status == expected


def test_a_new_generation_not_yet_seen_is_progress():
    old = obj("apps/v1", "Deployment", generation=2, spec={"replicas": 2}, status=ROLLED)
    assert assess(old).status == "Progressing"


def test_what_is_being_deleted_is_progressing_and_a_config_map_has_no_health():
    assert assess(obj("v1", "ConfigMap")) is None
    going = obj("v1", "ConfigMap", deletionTimestamp="2026-01-01T00:00:00Z")
    assert assess(going) == Health("Progressing", "Pending deletion")


def test_the_messages_of_containers_that_cannot_start_are_told():
    pod = obj("v1", "Pod", status={"phase": "Pending", "containerStatuses": [WAITING]})
    assert assess(pod).message == "no such image"


statuses = st.sampled_from(
    ["Healthy", "Suspended", "Progressing", "Missing", "Degraded", "Unknown"]
)


@given(st.lists(statuses))
def test_the_applications_health_is_its_worst_resources(found):
    live = obj("v1", "ConfigMap")
    resources = [
        (None, None) if status == "Missing" else (live, Health(status)) for status in found
    ]
    expected = "Healthy"
    for status in found:
        expected = worst(expected, status)
    assert aggregate([*resources, (live, None)]) == expected


def test_an_object_may_be_left_out_of_the_health():
    annotations = {"argocd.argoproj.io/ignore-healthcheck": "true"}
    live = obj("v1", "ConfigMap", annotations=annotations)
    assert aggregate([(live, Health("Degraded"))]) == "Healthy"


@given(
    st.sampled_from(sorted(ASSESSMENTS)),
    st.none() | st.just({}) | st.just({"conditions": None, "phase": "Odd"}),
)
def test_a_status_that_is_empty_or_odd_is_judged_without_failing(kind, status):
    group, name = kind
    bare = {"apiVersion": f"{group}/v1", "kind": name, "metadata": {"name": "x"}}
    assert isinstance(assess({**bare, "status": status}), Health)
