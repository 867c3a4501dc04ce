import copy
from typing import Any

import pytest

from grappe.api import Object
from grappe.api.defaults import apply_defaults
from grappe.api.defaults.images import pull_policy
from grappe.api.resources import BUILTIN, Resource, builtin_kind
from grappe.api.schema import builtin_schema

CONTAINER: dict[str, Any] = {
    "name": "c",
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
    "imagePullPolicy": "Always",
    "resources": {},
}
POD_SPEC: dict[str, Any] = {
    "restartPolicy": "Always",
    "terminationGracePeriodSeconds": 30,
    "dnsPolicy": "ClusterFirst",
    "schedulerName": "default-scheduler",
    "securityContext": {},
}


def defaulted(api_version: str, kind: str, **fields: Any) -> Object:
    resource = builtin_kind(api_version, kind)
    assert resource is not None
    obj = {"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}}
    obj |= copy.deepcopy(fields)
    apply_defaults(resource, obj)
    once = copy.deepcopy(obj)
    apply_defaults(resource, obj)
    assert obj == once, "defaulting is idempotent"
    return obj


@pytest.mark.parametrize("resource", BUILTIN, ids=lambda r: f"{r.api_version}/{r.plural}")
def test_every_kind_accepts_an_empty_object_and_stays_within_its_schema(resource: Resource) -> None:
    for spec in ({}, {"spec": {}}, {"spec": {"template": {}}}):
        obj: Object = {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {}}
        obj |= copy.deepcopy(spec)
        builtin_schema(resource.api_version, resource.kind).decode(obj)
        apply_defaults(resource, obj)
        once = copy.deepcopy(obj)
        apply_defaults(resource, obj)
        assert obj == once
        assert builtin_schema(resource.api_version, resource.kind).decode(obj) == []
        assert obj == once


def test_pod() -> None:
    spec = defaulted("v1", "Pod", spec={"containers": [{"name": "c"}]})["spec"]
    assert spec == {**POD_SPEC, "enableServiceLinks": True, "containers": [CONTAINER]}


def test_zero_grace_is_kept() -> None:
    spec = defaulted("v1", "Pod", spec={"containers": [], "terminationGracePeriodSeconds": 0})
    assert spec["spec"]["terminationGracePeriodSeconds"] == 0


def test_container_details() -> None:
    spec = defaulted(
        "v1",
        "Pod",
        spec={
            "hostNetwork": True,
            "serviceAccountName": "robot",
            "containers": [
                {
                    "name": "c",
                    "image": "web:1",
                    "ports": [{"containerPort": 80}],
                    "env": [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "a"}}}],
                    "resources": {
                        "limits": {"cpu": "1", "memory": "1Gi"},
                        "requests": {"cpu": "1m"},
                    },
                    "livenessProbe": {"httpGet": {"port": 80}, "periodSeconds": 5},
                    "readinessProbe": {"grpc": {"port": 80}},
                    "lifecycle": {"preStop": {"httpGet": {"port": 80}}},
                }
            ],
        },
    )["spec"]
    container = spec["containers"][0]
    assert spec["serviceAccount"] == "robot"
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["ports"] == [{"containerPort": 80, "protocol": "TCP", "hostPort": 80}]
    assert container["env"][0]["valueFrom"]["fieldRef"]["apiVersion"] == "v1"
    assert container["resources"]["requests"] == {"cpu": "1m", "memory": "1Gi"}
    assert container["livenessProbe"] == {
        "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
        "periodSeconds": 5,
        "timeoutSeconds": 1,
        "successThreshold": 1,
        "failureThreshold": 3,
    }
    assert container["readinessProbe"]["grpc"] == {"port": 80, "service": ""}
    assert container["lifecycle"]["preStop"]["httpGet"]["path"] == "/"


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1", "IfNotPresent"),
        ("host:5000/nginx", "Always"),
        ("host:5000/nginx:1", "IfNotPresent"),
        ("nginx@sha256:0", "IfNotPresent"),
        ("nginx:latest@sha256:0", "Always"),
        ("", "Always"),
    ],
)
def test_pull_policy_follows_the_tag(image: str, policy: str) -> None:
    assert pull_policy(image) == policy


def test_volumes() -> None:
    volumes = defaulted(
        "v1",
        "Pod",
        spec={
            "containers": [],
            "volumes": [
                {"name": "a"},
                {"name": "b", "configMap": {"name": "x"}},
                {"name": "c", "hostPath": {"path": "/x"}},
                {"name": "d", "emptyDir": {}},
                {
                    "name": "e",
                    "projected": {
                        "sources": [
                            {"serviceAccountToken": {"path": "t"}},
                            {
                                "downwardAPI": {
                                    "items": [{"path": "n", "fieldRef": {"fieldPath": "x"}}]
                                }
                            },
                        ]
                    },
                },
                {"name": "f", "secret": {"secretName": "s", "defaultMode": 256}},
            ],
        },
    )["spec"]["volumes"]
    assert volumes[0] == {"name": "a", "emptyDir": {}}
    assert volumes[1]["configMap"]["defaultMode"] == 420
    assert volumes[2]["hostPath"]["type"] == ""
    assert volumes[3] == {"name": "d", "emptyDir": {}}
    sources = volumes[4]["projected"]["sources"]
    assert volumes[4]["projected"]["defaultMode"] == 420
    assert sources[0]["serviceAccountToken"]["expirationSeconds"] == 3600
    assert sources[1]["downwardAPI"]["items"][0]["fieldRef"]["apiVersion"] == "v1"
    assert volumes[5]["secret"]["defaultMode"] == 256


def test_amounts_are_counted_in_thousandths() -> None:
    spec = defaulted(
        "v1", "Pod", spec={"containers": [{"name": "c", "resources": {"limits": {"cpu": "100u"}}}]}
    )["spec"]
    assert spec["containers"][0]["resources"]["requests"] == {"cpu": "1m"}


def container(**resources: Any) -> dict[str, Any]:
    return {"name": "c", "resources": resources}


@pytest.mark.parametrize(
    ("given", "containers", "expected"),
    [
        ({}, [container(limits={"cpu": "1"})], {}),
        (
            {"limits": {"cpu": "4", "memory": "1Gi"}},
            [container(requests={"cpu": "500m"}), container(requests={"cpu": "1"})],
            {
                "limits": {"cpu": "4", "memory": "1Gi"},
                "requests": {"cpu": "1500m", "memory": "1Gi"},
            },
        ),
        (
            {"requests": {"cpu": "1"}},
            [container(limits={"cpu": "1", "memory": "1Gi"}), container(limits={"cpu": "1"})],
            {"limits": {"cpu": "2"}, "requests": {"cpu": "1", "memory": "1Gi"}},
        ),
        (
            {"limits": {"cpu": "1"}},
            [container(limits={"hugepages-2Mi": "4Mi"})],
            {
                "limits": {"cpu": "1", "hugepages-2Mi": "4Mi"},
                "requests": {"cpu": "1", "hugepages-2Mi": "4Mi"},
            },
        ),
    ],
    ids=["nothing given", "requests from containers", "limits from containers", "huge pages"],
)
def test_requirements_of_a_whole_pod(
    given: dict[str, Any], containers: list[Any], expected: dict[str, Any]
) -> None:
    pod = defaulted("v1", "Pod", spec={"resources": given, "containers": containers})
    assert pod["spec"]["resources"] == expected


def test_init_containers_count_by_the_highest_and_sidecars_all_along() -> None:
    sidecar = {**container(requests={"cpu": "1"}), "restartPolicy": "Always"}
    pod = defaulted(
        "v1",
        "Pod",
        spec={
            "resources": {"limits": {"cpu": "9"}},
            "initContainers": [sidecar, container(requests={"cpu": "3"})],
            "containers": [container(requests={"cpu": "2"})],
        },
    )
    assert pod["spec"]["resources"]["requests"] == {"cpu": "4"}


def test_deployment_and_its_template() -> None:
    template = {"spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "1"}}}]}}
    spec = defaulted("apps/v1", "Deployment", spec={"template": template})["spec"]
    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"},
    }
    assert (spec["replicas"], spec["revisionHistoryLimit"]) == (1, 10)
    assert spec["progressDeadlineSeconds"] == 600
    inner = spec["template"]["spec"]
    assert "enableServiceLinks" not in inner
    assert "requests" not in inner["containers"][0]["resources"]
    recreate = defaulted("apps/v1", "Deployment", spec={"strategy": {"type": "Recreate"}})
    assert recreate["spec"]["strategy"] == {"type": "Recreate"}


def test_stateful_set() -> None:
    spec = defaulted(
        "apps/v1",
        "StatefulSet",
        spec={"volumeClaimTemplates": [{"metadata": {"name": "d"}, "spec": {}}]},
    )["spec"]
    assert spec["podManagementPolicy"] == "OrderedReady"
    assert spec["updateStrategy"] == {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}}
    explicit = defaulted(
        "apps/v1", "StatefulSet", spec={"updateStrategy": {"type": "RollingUpdate"}}
    )
    assert explicit["spec"]["updateStrategy"] == {"type": "RollingUpdate"}
    claim = spec["volumeClaimTemplates"][0]
    assert claim["kind"] == "PersistentVolumeClaim"
    assert claim["spec"]["volumeMode"] == "Filesystem"
    assert claim["status"] == {"phase": "Pending"}


@pytest.mark.parametrize(
    ("given", "completions", "parallelism"),
    [
        ({}, 1, 1),
        ({"parallelism": 3}, None, 3),
        ({"completions": 2}, 2, 1),
    ],
)
def test_job_counts(given: dict[str, Any], completions: int | None, parallelism: int) -> None:
    spec = defaulted("batch/v1", "Job", spec=given)["spec"]
    assert spec.get("completions") == completions
    assert spec["parallelism"] == parallelism
    assert (spec["backoffLimit"], spec["completionMode"]) == (6, "NonIndexed")


def test_cron_job_does_not_default_the_job_itself() -> None:
    spec = defaulted("batch/v1", "CronJob", spec={"schedule": "* * * * *"})["spec"]
    assert spec["concurrencyPolicy"] == "Allow"
    assert set(spec["jobTemplate"]["spec"]) == {"template"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"type": "ClusterIP", "internalTrafficPolicy": "Cluster"}),
        (
            {"type": "NodePort"},
            {
                "type": "NodePort",
                "internalTrafficPolicy": "Cluster",
                "externalTrafficPolicy": "Cluster",
            },
        ),
        (
            {"type": "LoadBalancer"},
            {
                "type": "LoadBalancer",
                "internalTrafficPolicy": "Cluster",
                "externalTrafficPolicy": "Cluster",
                "allocateLoadBalancerNodePorts": True,
            },
        ),
        ({"type": "ExternalName"}, {"type": "ExternalName"}),
    ],
)
def test_service_types(given: dict[str, Any], expected: dict[str, Any]) -> None:
    spec = defaulted("v1", "Service", spec=given)["spec"]
    assert spec == {"sessionAffinity": "None", **expected}


def test_service_ports_and_affinity() -> None:
    spec = defaulted(
        "v1",
        "Service",
        spec={
            "ports": [{"port": 80}, {"port": 81, "targetPort": "web"}],
            "sessionAffinity": "ClientIP",
        },
    )["spec"]
    assert spec["ports"] == [
        {"port": 80, "targetPort": 80, "protocol": "TCP"},
        {"port": 81, "targetPort": "web", "protocol": "TCP"},
    ]
    assert spec["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}


def test_secret_text_becomes_data() -> None:
    secret = defaulted("v1", "Secret", stringData={"a": "hello"}, data={"a": "eA==", "b": "eA=="})
    assert secret["type"] == "Opaque"
    assert secret["data"] == {"a": "aGVsbG8=", "b": "eA=="}
    assert "stringData" not in secret


def test_namespace_is_labelled_with_its_name() -> None:
    assert defaulted("v1", "Namespace")["metadata"]["labels"] == {
        "kubernetes.io/metadata.name": "a"
    }


def test_limit_range() -> None:
    limits = defaulted(
        "v1", "LimitRange", spec={"limits": [{"type": "Container", "max": {"cpu": "2"}}]}
    )["spec"]["limits"]
    assert limits[0]["default"] == {"cpu": "2"}
    assert limits[0]["defaultRequest"] == {"cpu": "2"}


def test_bindings_name_the_api_group() -> None:
    name = "rbac.authorization.k8s.io"
    binding = defaulted(
        f"{name}/v1",
        "RoleBinding",
        roleRef={"kind": "Role", "name": "r"},
        subjects=[{"kind": "User", "name": "u"}, {"kind": "ServiceAccount", "name": "s"}],
    )
    assert binding["roleRef"]["apiGroup"] == name
    assert [s.get("apiGroup") for s in binding["subjects"]] == [name, None]


def test_a_disruption_budget_always_has_a_spec() -> None:
    assert defaulted("policy/v1", "PodDisruptionBudget")["spec"] == {}


def test_autoscaler_versions() -> None:
    v2 = defaulted("autoscaling/v2", "HorizontalPodAutoscaler", spec={"behavior": {"scaleUp": {}}})
    assert v2["spec"]["metrics"][0]["resource"]["target"]["averageUtilization"] == 80
    assert len(v2["spec"]["behavior"]["scaleUp"]["policies"]) == 2
    v1 = defaulted("autoscaling/v1", "HorizontalPodAutoscaler", spec={})
    assert v1["spec"] == {"minReplicas": 1}


def test_custom_resource_definition() -> None:
    spec = defaulted(
        "apiextensions.k8s.io/v1",
        "CustomResourceDefinition",
        spec={"names": {"kind": "Widget", "plural": "widgets"}, "preserveUnknownFields": False},
    )["spec"]
    assert spec["names"]["singular"] == "widget"
    assert spec["names"]["listKind"] == "WidgetList"
    assert spec["conversion"] == {"strategy": "None"}
    assert "preserveUnknownFields" not in spec


def test_webhooks_and_network_policies() -> None:
    group = "admissionregistration.k8s.io/v1"
    webhook = defaulted(
        group,
        "MutatingWebhookConfiguration",
        webhooks=[{"name": "w", "clientConfig": {"service": {"name": "s"}}, "rules": [{}]}],
    )["webhooks"][0]
    assert webhook["failurePolicy"] == "Fail"
    assert webhook["reinvocationPolicy"] == "Never"
    assert webhook["clientConfig"]["service"]["port"] == 443
    assert webhook["rules"] == [{"scope": "*"}]
    policy = defaulted(
        "networking.k8s.io/v1", "NetworkPolicy", spec={"egress": [{"ports": [{"port": 53}]}]}
    )["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["egress"][0]["ports"] == [{"port": 53, "protocol": "TCP"}]


def test_storage() -> None:
    found = defaulted("storage.k8s.io/v1", "StorageClass", provisioner="x")
    assert (found["reclaimPolicy"], found["volumeBindingMode"]) == ("Delete", "Immediate")
    claim = defaulted("v1", "PersistentVolumeClaim", spec={})
    assert claim["spec"] == {"volumeMode": "Filesystem", "resources": {}}
    assert claim["status"] == {"phase": "Pending"}
