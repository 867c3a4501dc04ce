from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.admission.pod_security_levels import LEVELS, violations
from grappe.apiserver.admission.pod_security_policy import (
    NOTHING_ASKED,
    Policies,
    Policy,
    policies,
)

GOOD = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def spec(context: dict[str, Any] | None = None, **rest: Any) -> dict[str, Any]:
    return {"containers": [{"name": "c", "securityContext": context or {}}], **rest}


@pytest.mark.parametrize(
    ("pod", "told"),
    [
        (spec(hostNetwork=True, hostPID=True), "host namespaces (hostNetwork=true, hostPID=true)"),
        (
            spec({"privileged": True}),
            'privileged (container "c" must not set securityContext.privileged=true)',
        ),
        (
            spec({"capabilities": {"add": ["SYS_ADMIN", "CHOWN"]}}),
            'non-default capabilities (container "c" must not include "SYS_ADMIN" in '
            "securityContext.capabilities.add)",
        ),
        (spec(volumes=[{"name": "v", "hostPath": {"path": "/"}}]), 'hostPath volumes (volume "v")'),
        (
            {"containers": [{"name": "c", "ports": [{"hostPort": 80}]}]},
            'hostPort (container "c" uses hostPort 80)',
        ),
        (
            spec({"seccompProfile": {"type": "Unconfined"}}),
            'seccompProfile (container "c" must not set securityContext.seccompProfile.type to '
            '"Unconfined")',
        ),
        (
            spec({"procMount": "Unmasked"}),
            'procMount (container "c" must not set securityContext.procMount to "Unmasked")',
        ),
        (
            spec(securityContext={"sysctls": [{"name": "kernel.msgmax"}]}),
            "forbidden sysctls (kernel.msgmax)",
        ),
        (
            spec({"seLinuxOptions": {"type": "spc_t"}}),
            'seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions)',
        ),
        (
            spec(securityContext={"appArmorProfile": {"type": "Unconfined"}}),
            'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")',
        ),
    ],
)
def test_baseline_refuses_known_ways_out(pod: dict[str, Any], told: str) -> None:
    assert violations("baseline", {}, pod) == [told]
    assert violations("privileged", {}, pod) == []
    assert violations("restricted", {}, pod)


def test_a_hardened_pod_passes_everything() -> None:
    assert violations("restricted", {}, spec(GOOD)) == []


def test_what_the_pod_says_counts_for_its_containers() -> None:
    of_container = {k: GOOD[k] for k in ("allowPrivilegeEscalation", "capabilities")}
    of_pod = {k: GOOD[k] for k in ("runAsNonRoot", "seccompProfile")}
    assert violations("restricted", {}, spec(of_container, securityContext=of_pod)) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"runAsUser": 0}, 'runAsUser=0 (container "c" must not set runAsUser=0)'),
        (
            {"runAsNonRoot": False},
            'runAsNonRoot != true (container "c" must not set securityContext.runAsNonRoot=false)',
        ),
        (
            {"capabilities": {"drop": ["ALL"], "add": ["CHOWN"]}},
            'unrestricted capabilities (container "c" must not include "CHOWN" in '
            "securityContext.capabilities.add)",
        ),
    ],
)
def test_restricted_refuses_what_baseline_allows(change: dict[str, Any], told: str) -> None:
    pod = spec({**GOOD, **change})
    assert violations("restricted", {}, pod) == [told]
    assert violations("baseline", {}, pod) == []


def test_restricted_allows_few_kinds_of_volumes() -> None:
    pod = spec(GOOD, volumes=[{"name": "a", "emptyDir": {}}, {"name": "b", "nfs": {}}])
    assert violations("restricted", {}, pod) == [
        'restricted volume types (volume "b" uses restricted volume type "nfs")'
    ]


contexts = st.fixed_dictionaries(
    {},
    optional={
        "privileged": st.booleans(),
        "runAsUser": st.integers(0, 2),
        "runAsNonRoot": st.booleans(),
        "allowPrivilegeEscalation": st.booleans(),
        "capabilities": st.fixed_dictionaries(
            {},
            optional={
                "add": st.lists(st.sampled_from(["CHOWN", "SYS_ADMIN", "NET_BIND_SERVICE"])),
                "drop": st.just(["ALL"]),
            },
        ),
        "seccompProfile": st.sampled_from([{"type": "Unconfined"}, {"type": "RuntimeDefault"}]),
    },
)


@given(contexts, st.booleans(), st.booleans())
def test_what_baseline_refuses_restricted_refuses_too(context, host_network, host_path) -> None:
    volumes = [{"name": "v", "hostPath": {}}] if host_path else []
    pod = spec(context, hostNetwork=host_network, volumes=volumes)
    if violations("baseline", {}, pod):
        assert violations("restricted", {}, pod)


def test_labels_say_level_and_version_and_a_slip_is_strict() -> None:
    labels = {
        "pod-security.kubernetes.io/enforce": "baseline",
        "pod-security.kubernetes.io/enforce-version": "v1.30",
        "pod-security.kubernetes.io/warn": "resticted",
    }
    found = policies(labels, NOTHING_ASKED)
    assert str(found.enforce) == '"baseline:v1.30"'
    assert found.warn.level == found.audit.level == "privileged"  # what is no level asks nothing
    slip = policies({"pod-security.kubernetes.io/enforce": "resticted"}, NOTHING_ASKED)
    assert slip == Policies(enforce=Policy("restricted"))  # but to enforce it asks everything


def test_who_enforces_without_a_word_about_warnings_is_warned() -> None:
    labels = {
        "pod-security.kubernetes.io/enforce": "baseline",
        "pod-security.kubernetes.io/enforce-version": "v1.30",
    }
    assert policies(labels, NOTHING_ASKED).warn == Policy("baseline", "v1.30")
    labels["pod-security.kubernetes.io/warn-version"] = "v1.31"
    assert policies(labels, NOTHING_ASKED).warn == Policy("baseline", "v1.31")
    stricter = Policies(warn=Policy("restricted", "v1.29"))
    assert policies(labels, stricter).warn == Policy("restricted", "v1.31")
    labels["pod-security.kubernetes.io/warn"] = "privileged"
    assert policies(labels, NOTHING_ASKED).warn.level == "privileged"


def test_what_no_label_says_counts_by_default() -> None:
    defaults = Policies(Policy("baseline", "v1.29"), Policy("restricted"), Policy("restricted"))
    assert policies({"a": "b"}, defaults) == defaults
    found = policies({"pod-security.kubernetes.io/enforce": "privileged"}, defaults)
    assert found == defaults._replace(enforce=Policy("privileged", "v1.29"))


TWO_SYSCTLS = {"sysctls": [{"name": "net.ipv4.tcp_rmem"}, {"name": "net.ipv4.tcp_fin_timeout"}]}
PROBE = {"httpGet": {"host": "10.0.0.1", "port": 80}}


@pytest.mark.parametrize(
    ("level", "pod", "version", "told"),
    [
        (
            "baseline",
            spec(securityContext=TWO_SYSCTLS),
            "v1.28",
            ["forbidden sysctls (net.ipv4.tcp_fin_timeout, net.ipv4.tcp_rmem)"],
        ),
        (
            "baseline",
            spec(securityContext=TWO_SYSCTLS),
            "v1.31",
            ["forbidden sysctls (net.ipv4.tcp_rmem)"],
        ),
        ("baseline", spec(securityContext=TWO_SYSCTLS), "latest", []),
        (
            "baseline",
            spec({"seLinuxOptions": {"type": "container_engine_t"}}),
            "v1.30",
            ['seLinuxOptions (container "c" set forbidden securityContext.seLinuxOptions)'],
        ),
        ("baseline", spec({"seLinuxOptions": {"type": "container_engine_t"}}), "v1.31", []),
        ("baseline", {"containers": [{"name": "c", "livenessProbe": PROBE}]}, "v1.33", []),
        (
            "baseline",
            {
                "containers": [
                    {"name": "b", "lifecycle": {"preStop": {"tcpSocket": {"host": "x"}}}},
                    {"name": "a", "livenessProbe": PROBE},
                ]
            },
            "v1.34",
            [
                'probe or lifecycle host (containers "a", "b" use probe or lifecycle hosts '
                '"10.0.0.1", "x")'
            ],
        ),
        (
            "baseline",
            spec(securityContext={"windowsOptions": {"hostProcess": True}}),
            "v1.0",
            ["hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)"],
        ),
        ("restricted", spec({"runAsNonRoot": True, "runAsUser": 0}), "v1.7", []),
        (
            "restricted",
            spec({"runAsNonRoot": True, "capabilities": {"add": ["SYS_ADMIN"]}}),
            "v1.7",
            [
                'non-default capabilities (container "c" must not include "SYS_ADMIN" in '
                "securityContext.capabilities.add)"
            ],
        ),
        ("restricted", spec({"runAsNonRoot": True}, os={"name": "windows"}), "v1.25", []),
    ],
)
def test_a_level_is_what_it_was_in_the_version_named(
    level: Any, pod: dict[str, Any], version: str, told: list[str]
) -> None:
    assert violations(level, {}, pod, version) == told


@given(contexts, st.sampled_from(LEVELS), st.integers(35, 400))
def test_versions_to_come_are_the_latest(context, level, minor) -> None:
    pod = spec(context)
    latest = violations(level, {}, pod)
    for version in (f"v1.{minor}", "v2.0", "v1.x", "\u0661", ""):
        assert violations(level, {}, pod, version) == latest
