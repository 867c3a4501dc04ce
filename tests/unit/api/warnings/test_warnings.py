"""One thing worth a warning in a valid object of each kind, and the words it is told in: those of
Kubernetes 1.36."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.api.resources import BUILTIN
from grappe.api.validation import validate_create
from grappe.api.warnings import warnings_of
from tests.cluster.test_api_every_kind import KINDS
from tests.unit.api.validation.test_kinds import ELSEWHERE, Object, changed, made

ARCH = 'deprecated since v1.14; use "kubernetes.io/arch" instead'
NO_LABELS = "a null labelSelector results in matching no pod"
REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
OLD_ARCH = [{"key": "beta.kubernetes.io/arch", "operator": "In", "values": ["amd64"]}]
ANNOTATIONS = "metadata.annotations"
PORTS = "spec.containers.0.ports"
ENV = "spec.containers.0.env"


def resource_of(obj: Object) -> Any:
    return next(r for r in BUILTIN if (r.api_version, r.kind) == (obj["apiVersion"], obj["kind"]))


def told(obj: Object, old: Object | None = None) -> list[str]:
    return warnings_of(resource_of(obj), obj, old)


CASES: list[tuple[str, str, Any, list[str]]] = [
    (
        "pods",
        "spec.nodeSelector",
        {"beta.kubernetes.io/arch": "amd64", "disk": "ssd"},
        [f"spec.nodeSelector[beta.kubernetes.io/arch]: {ARCH}"],
    ),
    (
        "pods",
        f"spec.affinity.nodeAffinity.{REQUIRED}",
        {"nodeSelectorTerms": [{"matchExpressions": OLD_ARCH}]},
        [
            f"spec.affinity.nodeAffinity.{REQUIRED}.nodeSelectorTerms[0].matchExpressions[0].key: "
            f"beta.kubernetes.io/arch is {ARCH}"
        ],
    ),
    (
        "pods",
        f"spec.affinity.nodeAffinity.{PREFERRED}",
        [{"weight": 1, "preference": {"matchExpressions": OLD_ARCH}}],
        [
            f"spec.affinity.nodeAffinity.{PREFERRED}[0].preference.matchExpressions[0].key: "
            f"beta.kubernetes.io/arch is {ARCH}"
        ],
    ),
    (
        "pods",
        f"spec.affinity.podAntiAffinity.{REQUIRED}",
        [{"topologyKey": "kubernetes.io/hostname"}],
        [f"spec.affinity.podAntiAffinity.{REQUIRED}[0].labelSelector: {NO_LABELS}"],
    ),
    (
        "pods",
        f"spec.affinity.podAffinity.{PREFERRED}",
        [{"weight": 1, "podAffinityTerm": {"topologyKey": "kubernetes.io/hostname"}}],
        [f"spec.affinity.podAffinity.{PREFERRED}[0].podAffinityTerm.labelSelector: {NO_LABELS}"],
    ),
    (
        "pods",
        "spec.topologySpreadConstraints",
        [{"maxSkew": 1, "topologyKey": "beta.kubernetes.io/arch", "whenUnsatisfiable": "DoNotSchedule"}],  # noqa: E501
        [
            "spec.topologySpreadConstraints[0].topologyKey: "
            f"beta.kubernetes.io/arch is {ARCH}",
            f"spec.topologySpreadConstraints[0].labelSelector: {NO_LABELS}",
        ],
    ),
    (
        "pods",
        ANNOTATIONS,
        {
            "scheduler.alpha.kubernetes.io/critical-pod": "",
            "seccomp.security.alpha.kubernetes.io/pod": "runtime/default",
        },
        [
            "metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in "
            'v1.16+; use the "priorityClassName" field instead',
            "metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in "
            'v1.27+; use the "seccompProfile" field instead',
        ],
    ),
    (
        "pods",
        "spec.volumes",
        [{"name": "a", "gitRepo": {"repository": "x"}}, {"name": "b", "rbd": {"monitors": ["m"], "image": "i"}}],  # noqa: E501
        [
            "spec.volumes[0].gitRepo: deprecated in v1.11",
            "spec.volumes[1].rbd: deprecated in v1.28, non-functional in v1.31+",
        ],
    ),
    (
        "pods",
        "spec.volumes",
        [{"name": "a", "configMap": {"name": "m", "items": [
            {"key": "k", "path": "x"}, {"key": "l", "path": "x/y"}]}}],
        ['volume "a" (ConfigMap "m"): overlapping paths: "x/y" with "x"'],
    ),
    (
        "pods",
        "spec.volumes",
        [{"name": "a", "projected": {"sources": [
            {"configMap": {"name": "m", "items": [{"key": "k", "path": "x"}]}},
            {"secret": {"name": "s", "items": [{"key": "k", "path": "x/y"}]}}]}}],
        ['volume "a" (Projected Secret "s"): overlapping paths: "x/y" with "x"'],
    ),
    (
        "pods",
        "spec.hostAliases",
        [{"ip": "10.0.0.1", "hostnames": ["a"]}, {"ip": "10.0.0.1", "hostnames": ["b"]}],
        ['spec.hostAliases[1].ip: duplicate ip "10.0.0.1"'],
    ),
    (
        "pods",
        "spec.imagePullSecrets",
        [{"name": "a"}, {"name": "a"}, {}],
        [
            'spec.imagePullSecrets[1].name: duplicate name "a"',
            'spec.imagePullSecrets[2].name: invalid empty name ""',
        ],
    ),
    (
        "pods",
        ENV,
        [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}, {"name": "A", "value": "$(A)3"}],
        [
            'spec.containers[0].env[1]: hides previous definition of "A", which may be dropped '
            "when using apply"
        ],
    ),
    (
        "pods",
        PORTS,
        [
            {"containerPort": 80, "protocol": "TCP"},
            {"containerPort": 80, "protocol": "TCP"},
            {"containerPort": 80, "protocol": "TCP", "hostPort": 8080},
            {"containerPort": 80, "protocol": "UDP", "hostIP": "127.0.0.1"},
        ],
        [
            "spec.containers[0].ports[1]: duplicate port definition with "
            "spec.containers[0].ports[0]",
            "spec.containers[0].ports[2]: overlapping port definition with "
            "spec.containers[0].ports[0]",
            "spec.containers[0].ports[2]: overlapping port definition with "
            "spec.containers[0].ports[1]",
            "spec.containers[0].ports[3]: hostIP set without hostPort: {Name: HostPort:0 "
            "ContainerPort:80 Protocol:UDP HostIP:127.0.0.1}",
        ],
    ),
    (
        "pods",
        PORTS,
        [
            {"containerPort": 80, "protocol": "TCP", "hostPort": 80},
            {"containerPort": 80, "protocol": "TCP", "hostPort": 80, "hostIP": "127.0.0.1"},
        ],
        [
            "spec.containers[0].ports[1]: dangerously ambiguous port definition with "
            "spec.containers[0].ports[0]"
        ],
    ),
    (
        "pods",
        "spec.containers.0.resources",
        {"limits": {"memory": "1.5"}, "requests": {"memory": "500m", "cpu": "100m"}},
        [
            'spec.containers[0].resources.limits[memory]: fractional byte value "1500m" is '
            "invalid, must be an integer",
            'spec.containers[0].resources.requests[memory]: fractional byte value "500m" is '
            "invalid, must be an integer",
        ],
    ),
    (
        "deployments",
        "spec.template.metadata.annotations",
        {"container.apparmor.security.beta.kubernetes.io/main": "runtime/default"},
        [
            "spec.template.metadata.annotations[container.apparmor.security.beta.kubernetes.io/main]:"
            ' deprecated since v1.30; use the "appArmorProfile" field instead'
        ],
    ),
    (
        "daemonsets",
        "spec.template.spec.nodeSelector",
        {"node-role.kubernetes.io/master": ""},
        [
            "spec.template.spec.nodeSelector[node-role.kubernetes.io/master]: "
            'use "node-role.kubernetes.io/control-plane" instead'
        ],
    ),
    (
        "statefulsets",
        "spec.revisionHistoryLimit",
        -1,
        [
            "spec.revisionHistoryLimit: a negative value retains all historical revisions; "
            "a value >= 0 is recommended"
        ],
    ),
    (
        "cronjobs",
        "metadata.name",
        "a.b",
        [
            "metadata.name: this is used in Pod names and hostnames, which can result in "
            "surprising behavior; a DNS label is recommended: [must not contain dots]"
        ],
    ),
    (
        "cronjobs",
        "spec.jobTemplate.spec.template.spec.nodeSelector",
        {"beta.kubernetes.io/arch": "arm"},
        [
            "spec.jobTemplate.spec.template.spec.nodeSelector[beta.kubernetes.io/arch]: "
            f"{ARCH}"
        ],
    ),
    (
        "services",
        "spec.trafficDistribution",
        "PreferClose",
        ['spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'],
    ),
    (
        "services",
        "spec.externalIPs",
        ["2001:DB8::1"],
        [
            'spec.externalIPs[0]: IPv6 address "2001:DB8::1" should be in RFC 5952 canonical '
            'format ("2001:db8::1")',
            "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
        ],
    ),
    (
        "services",
        "spec.externalName",
        "x.example",
        ['spec.externalName is ignored when spec.type is not "ExternalName"'],
    ),
    (
        "services",
        ANNOTATIONS,
        {"service.kubernetes.io/topology-aware-hints": "auto"},
        [
            "annotation service.kubernetes.io/topology-aware-hints is deprecated, please use "
            "service.kubernetes.io/topology-mode instead"
        ],
    ),
    (
        "ingresses",
        ANNOTATIONS,
        {"kubernetes.io/ingress.class": "nginx"},
        [
            'annotation "kubernetes.io/ingress.class" is deprecated, please use '
            "'spec.ingressClassName' instead"
        ],
    ),
    (
        "networkpolicies",
        "spec.ingress",
        [{"from": [{"ipBlock": {"cidr": "10.0.0.1/8"}}]}],
        [
            'spec.ingress[0].from[0].ipBlock.cidr: CIDR value "10.0.0.1/8" is ambiguous in this '
            'context (should be "10.0.0.0/8" or "10.0.0.1/32"?)'
        ],
    ),
    (
        "persistentvolumes",
        "spec.persistentVolumeReclaimPolicy",
        "Recycle",
        [
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. "
            "Instead, the recommended approach is to use dynamic provisioning."
        ],
    ),
    (
        "persistentvolumes",
        ANNOTATIONS,
        {"volume.beta.kubernetes.io/mount-options": "ro"},
        [
            "metadata.annotations[volume.beta.kubernetes.io/mount-options]: deprecated since "
            'v1.31; use "mountOptions" attribute instead'
        ],
    ),
    (
        "persistentvolumeclaims",
        "spec.resources",
        {"requests": {"storage": "1.5"}},
        [
            'spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be '
            "an integer"
        ],
    ),
    (
        "storageclasses",
        "allowedTopologies",
        [{"matchLabelExpressions": [{"key": "beta.kubernetes.io/arch", "values": ["x"]}]}],
        [f"allowedTopologies[0].matchLabelExpressions[0]: {ARCH}"],
    ),
    (
        "csistoragecapacities",
        "nodeTopology",
        {"matchLabels": {"beta.kubernetes.io/arch": "x"}},
        [f"nodeTopology.matchLabels.beta.kubernetes.io/arch: {ARCH}"],
    ),
    (
        "runtimeclasses",
        "scheduling",
        {"nodeSelector": {"beta.kubernetes.io/arch": "x"}},
        [f"scheduling.nodeSelector: {ARCH}"],
    ),
    (
        "serviceaccounts",
        ANNOTATIONS,
        {"kubernetes.io/enforce-mountable-secrets": "true"},
        [
            "metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; "
            "prefer separate namespaces to isolate access to mounted secrets"
        ],
    ),
]  # fmt: skip


@pytest.mark.parametrize(("plural", "path", "value", "expected"), CASES)
def test_what_is_warned_of(plural: str, path: str, value: Any, expected: list[str]) -> None:
    obj = changed(made(plural), path, value)
    assert validate_create(resource_of(obj), obj) == []  # it is valid all the same
    assert told(obj) == expected


@pytest.mark.parametrize("resource", [r for r in KINDS if r.plural not in ELSEWHERE])
def test_a_plain_object_of_each_kind_is_no_reason_to_warn(resource: Any) -> None:
    assert told(made(resource.plural, resource.group)) == []


def test_changes_that_are_not_asked_for_warn_of_nothing() -> None:
    old = changed(made("deployments"), "spec.template.spec.nodeSelector", {"beta.kubernetes.io/os": "l"})  # noqa: E501  # fmt: skip
    labelled = changed(old, "metadata.labels", {"a": "b"})
    assert told(labelled, old) == []
    assert len(told(changed(labelled, "spec.replicas", 7), old)) == 1


def test_pods_are_warned_of_when_they_are_new_only() -> None:
    pod = changed(made("pods"), "spec.nodeSelector", {"beta.kubernetes.io/os": "linux"})
    assert told(changed(pod, "metadata.labels", {"a": "b"}), pod) == []


def test_jobs_are_told_of_their_name_once() -> None:
    old = changed(made("jobs"), "metadata.name", "a.b")
    assert told(changed(old, "spec.suspend", True), old) == []


@given(st.lists(st.tuples(st.sampled_from(["A", "B"]), st.sampled_from(["x", "$(A)", "$(B)y"]))))
@settings(max_examples=50, deadline=None)
def test_each_hidden_variable_is_told_once(variables: list[tuple[str, str]]) -> None:
    env = [{"name": name, "value": value} for name, value in variables]
    found = told(changed(made("pods"), ENV, env))
    assert len(found) == len(set(found))
    names = [name for name, _ in variables]
    assert len(found) <= len(names) - len(set(names))
