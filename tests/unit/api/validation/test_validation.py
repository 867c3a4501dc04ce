"""What is refused, of which field, in which words."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.api.resources import builtin_kind
from grappe.api.validation import validate_create, validate_update

Object = dict[str, Any]


def pod(**spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "d"},
        "spec": {
            "containers": [container()],
            "restartPolicy": "Always",
            "dnsPolicy": "ClusterFirst",
            **spec,
        },
    }


def container(**fields: Any) -> Object:
    return {"name": "c", "image": "i", **fields}


def deployment(**spec: Any) -> Object:
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pod()["spec"]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "w", "namespace": "d"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": template,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {}},
            **spec,
        },
    }


def service(**spec: Any) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s", "namespace": "d"},
        "spec": {"type": "ClusterIP", "ports": [{"port": 80, "protocol": "TCP"}], **spec},
    }


def job(**spec: Any) -> Object:
    """A job with a selector of its own."""
    template = {"metadata": {"labels": {"a": "b"}}, "spec": pod(restartPolicy="Never")["spec"]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "namespace": "d"},
        "spec": {
            "manualSelector": True,
            "selector": {"matchLabels": {"a": "b"}},
            "template": template,
            **spec,
        },
    }


def plain(api_version: str, kind: str, **fields: Any) -> Object:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "metadata": {"name": "x", "namespace": "d"},
        **fields,
    }


def network_policy(**rule: Any) -> Object:
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [rule]}
    return plain("networking.k8s.io/v1", "NetworkPolicy", spec=spec)


def causes(obj: Object) -> list[str]:
    resource = builtin_kind(obj["apiVersion"], obj["kind"])
    assert resource is not None
    return [f"{c.field}: {c.message}" for c in validate_create(resource, obj)]


def update_causes(new: Object, old: Object) -> list[str]:
    resource = builtin_kind(new["apiVersion"], new["kind"])
    assert resource is not None
    return [f"{c.field}: {c.message}" for c in validate_update(resource, new, old)]


@pytest.mark.parametrize("obj", [pod(), deployment(), service(), job()], ids=lambda o: o["kind"])
def test_what_is_well_formed_is_accepted(obj: Object) -> None:
    assert causes(obj) == []
    assert update_causes(obj, copy.deepcopy(obj)) == []


REFUSED = [
    (pod(containers=[]), "spec.containers: Required value"),
    (pod(containers=[container(name="")]), "spec.containers[0].name: Required value"),
    (pod(containers=[container(image="")]), "spec.containers[0].image: Required value"),
    (pod(containers=[container(), container()]), 'spec.containers[1].name: Duplicate value: "c"'),
    (
        pod(containers=[container(imagePullPolicy="Sometimes")]),
        'spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: '
        '"Always", "IfNotPresent", "Never"',
    ),
    (
        pod(containers=[container(ports=[{"containerPort": 70000, "protocol": "TCP"}])]),
        "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and "
        "65535, inclusive",
    ),
    (
        pod(containers=[container(volumeMounts=[{"name": "v", "mountPath": "/v"}])]),
        'spec.containers[0].volumeMounts[0].name: Not found: "v"',
    ),
    (
        pod(
            containers=[
                container(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "500m"}})
            ]
        ),
        'spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal '
        "to cpu limit of 500m",
    ),
    (
        pod(containers=[container(livenessProbe={})]),
        "spec.containers[0].livenessProbe: Required value: must specify a handler type",
    ),
    (
        pod(containers=[container(env=[{"name": "A", "value": "b", "valueFrom": {}}])]),
        "spec.containers[0].env[0].valueFrom: Invalid value: \"\": must specify one of: "
        "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`",
    ),
    (pod(volumes=[{"name": "v"}]), "spec.volumes[0]: Required value: must specify a volume type"),
    (
        pod(volumes=[{"name": "v", "emptyDir": {}, "secret": {"secretName": "s"}}]),
        "spec.volumes[0].secret: Forbidden: may not specify more than 1 volume type",
    ),
    (
        pod(restartPolicy="Perhaps"),
        'spec.restartPolicy: Unsupported value: "Perhaps": supported values: "Always", '
        '"OnFailure", "Never"',
    ),
    (pod(activeDeadlineSeconds=0), "spec.activeDeadlineSeconds: Invalid value: 0: must be between"
     " 1 and 2147483647, inclusive"),
    (
        deployment(replicas=-1),
        "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
    ),
    (
        deployment(selector={}),
        "spec.selector: Invalid value: {}: empty selector is invalid for deployment",
    ),
    (
        deployment(
            strategy={
                "type": "RollingUpdate",
                "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 0},
            }
        ),
        "spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when "
        "`maxSurge` is 0",
    ),
    (
        deployment(progressDeadlineSeconds=5, minReadySeconds=5),
        "spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds",
    ),
    (
        job(template={"spec": pod()["spec"]}),
        'spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", "Never"',
    ),
    (service(ports=[]), "spec.ports: Required value"),
    (
        service(ports=[{"port": 80, "protocol": "TCP"}, {"port": 81, "protocol": "TCP"}]),
        "spec.ports[0].name: Required value",
    ),
    (
        service(ports=[{"port": 0, "protocol": "TCP"}]),
        "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
    ),
    (
        plain("v1", "ConfigMap", data={"a b": "c"}),
        "data[a b]: Invalid value: \"a b\": a valid config key must consist of alphanumeric "
        "characters, '-', '_' or '.'",
    ),
    (
        plain("v1", "Secret", type="kubernetes.io/tls", data={"tls.crt": ""}),
        "data[tls.key]: Required value",
    ),
    (
        plain("rbac.authorization.k8s.io/v1", "Role", rules=[{"resources": ["pods"]}]),
        "rules[0].verbs: Required value: verbs must contain at least one value",
    ),
    (
        plain("batch/v1", "CronJob", spec={"schedule": "* *", "concurrencyPolicy": "Allow",
              "jobTemplate": {"spec": job()["spec"]}}),
        'spec.schedule: Invalid value: "* *": expected exactly 5 fields, found 2: [* *]',
    ),
    (
        plain("networking.k8s.io/v1", "Ingress", spec={}),
        'spec: Invalid value: "null": either `defaultBackend` or `rules` must '
        "be specified",
    ),
    (
        network_policy(ports=[{"protocol": "ICMP"}]),
        'spec.ingress[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "TCP", '
        '"UDP", "SCTP"',
    ),
    (
        network_policy(ports=[{"port": 80, "endPort": 79}]),
        "spec.ingress[0].ports[0].endPort: Invalid value: 79: must be greater than or equal to "
        "`port`",
    ),
    (
        network_policy(ports=[{"port": "http", "endPort": 79}]),
        "spec.ingress[0].ports[0].endPort: Invalid value: 79: may not be specified when `port` is "
        "non-numeric",
    ),
    (
        network_policy(ports=[{"endPort": 79}]),
        "spec.ingress[0].ports[0].endPort: Invalid value: 79: may not be specified when `port` is "
        "not specified",
    ),
    *(
        (
            network_policy(**{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": [outside]}}]}),
            f'spec.ingress[0].from[0].ipBlock.except[0]: Invalid value: "{outside}": must be a '
            "strict subset of `cidr`",
        )
        for outside in ("11.0.0.0/16", "10.0.0.0/8", "fd00::/64")
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("obj", "told"), REFUSED, ids=lambda v: v[:60] if isinstance(v, str) else ""
)
def test_what_is_not_is_refused_with_the_field(obj: Object, told: str) -> None:
    assert any(cause.startswith(told) for cause in causes(obj)), causes(obj)


def test_names_labels_and_owners() -> None:
    obj = pod()
    obj["metadata"].update(
        name="Not_A_Name",
        labels={"a/b/c": "d", "e": "-"},
        ownerReferences=[{"apiVersion": "v1", "kind": "Pod", "name": "p"}],
    )
    told = causes(obj)
    assert told[0].startswith('metadata.name: Invalid value: "Not_A_Name": a lowercase RFC 1123')
    assert any(cause.startswith('metadata.labels: Invalid value: "a/b/c"') for cause in told)
    assert any(cause.startswith('metadata.labels: Invalid value: "-"') for cause in told)
    assert 'metadata.ownerReferences.uid: Invalid value: "": must not be empty' in told


def test_pods_change_only_where_they_may() -> None:
    old = pod(tolerations=[{"key": "a", "operator": "Exists"}])
    image = copy.deepcopy(old)
    image["spec"]["containers"][0]["image"] = "j"
    assert update_causes(image, old) == []
    added = copy.deepcopy(old)
    added["spec"]["tolerations"].append({"key": "b", "operator": "Exists"})
    assert update_causes(added, old) == []
    command = copy.deepcopy(old)
    command["spec"]["containers"][0]["command"] = ["x"]
    assert update_causes(command, old)[0].startswith("spec: Forbidden: pod updates may not change")


def test_selectors_and_cluster_ips_stay() -> None:
    old, new = deployment(), deployment()
    new["spec"]["selector"] = {"matchLabels": {"a": "b", "c": "d"}}
    new["spec"]["template"]["metadata"]["labels"]["c"] = "d"
    (told,) = update_causes(new, old)
    assert told.startswith("spec.selector: Invalid value: ")
    assert told.endswith("field is immutable")
    (told,) = update_causes(
        service(clusterIP="10.0.0.2", clusterIPs=["10.0.0.2"]),
        service(clusterIP="10.0.0.1", clusterIPs=["10.0.0.1"]),
    )
    assert told.endswith("may not change once set")


def test_immutable_config_maps_stay() -> None:
    old = plain("v1", "ConfigMap", immutable=True, data={"a": "b"})
    new = plain("v1", "ConfigMap", data={"a": "c"})
    assert update_causes(new, old) == [
        "immutable: Forbidden: field is immutable when `immutable` is set",
        "data: Forbidden: field is immutable when `immutable` is set",
    ]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-5, 70000) | st.text(max_size=5),
        lambda inner: st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=5,
    )
)
def test_annotations_and_labels_of_any_text_never_fail_otherwise(value: Any) -> None:
    obj = pod()
    obj["metadata"]["labels"] = {str(value): str(value)}
    obj["metadata"]["annotations"] = {str(value): str(value)}
    assert isinstance(causes(obj), list)
