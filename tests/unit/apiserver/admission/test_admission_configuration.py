from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grappe.apiserver.admission.configuration import load_admission, parse, problems
from grappe.apiserver.admission.pod_security_policy import Configuration, Policies, Policy
from grappe.base.errors import UserError


def configuration(**fields: Any) -> dict[str, Any]:
    return {
        "apiVersion": "apiserver.config.k8s.io/v1",
        "kind": "AdmissionConfiguration",
        "plugins": [{"name": "PodSecurity", "configuration": pod_security(**fields)}],
    }


def pod_security(**fields: Any) -> dict[str, Any]:
    version = "pod-security.admission.config.k8s.io/v1"
    return {"apiVersion": version, "kind": "PodSecurityConfiguration", **fields}


def test_no_file_and_no_configuration_ask_nothing(tmp_path: Path) -> None:
    assert load_admission(tmp_path / "none") == Configuration()
    assert parse(configuration()) == Configuration()
    assert parse({"plugins": [{"name": "PodSecurity"}]}) == Configuration()


def test_defaults_and_exemptions_are_read(tmp_path: Path) -> None:
    file = tmp_path / "admission.yaml"
    file.write_text(
        """
apiVersion: apiserver.config.k8s.io/v1
kind: AdmissionConfiguration
plugins:
- name: PodSecurity
  configuration:
    apiVersion: pod-security.admission.config.k8s.io/v1
    kind: PodSecurityConfiguration
    defaults: {enforce: baseline, enforce-version: v1.30, warn: restricted}
    exemptions:
      usernames: ["oidc:ann"]
      runtimeClasses: [kata]
      namespaces: [kube-system]
"""
    )
    assert load_admission(file) == Configuration(
        Policies(Policy("baseline", "v1.30"), Policy("privileged"), Policy("restricted")),
        users=frozenset(["oidc:ann"]),
        runtime_classes=frozenset(["kata"]),
        namespaces=frozenset(["kube-system"]),
    )


WHERE = "plugins[0].configuration"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (
            {"defaults": {"enforce": "strict"}},
            f'{WHERE}.defaults.enforce: Invalid value: "strict": must be one of privileged, '
            "baseline, restricted",
        ),
        (
            {"defaults": {"warn-version": "1.30"}},
            f'{WHERE}.defaults.warn-version: Invalid value: "1.30": must be "latest" or "v1.x"',
        ),
        ({"defaults": {"inform": "x"}}, f'unknown field "{WHERE}.defaults.inform"'),
        (
            {"exemptions": {"usernames": ["a", "", "a"]}},
            f"{WHERE}.exemptions.usernames[1]: Required value",
        ),
        (
            {"exemptions": {"namespaces": ["a", "a"]}},
            f'{WHERE}.exemptions.namespaces[1]: Duplicate value: "a"',
        ),
        ({"exemptions": {"runtimeClasses": ["A_"]}}, f"{WHERE}.exemptions.runtimeClasses[0]: Inv"),
        ({"exemptions": {"usernames": "ann"}}, f"{WHERE}.exemptions.usernames: must be a list"),
        ({"kind": "Other"}, f"{WHERE}.kind: must be PodSecurityConfiguration"),
    ],
)
def test_what_is_wrong_is_told_with_its_field(fields: dict[str, Any], told: str) -> None:
    (first, *_) = problems(configuration(**fields))
    assert first.startswith(told)


@pytest.mark.parametrize(
    ("plugin", "told"),
    [
        ({}, "plugins[0].name: Required value"),
        ({"name": "EventRateLimit", "configuration": {"limits": []}}, "only PodSecurity can"),
        ({"name": "PodSecurity", "path": "ps.yaml"}, "plugins[0].path: write what that file says"),
    ],
)
def test_what_cannot_be_configured_is_refused(plugin: dict[str, Any], told: str) -> None:
    (first,) = problems({**configuration(), "plugins": [plugin]})
    assert told in first


@given(
    st.recursive(
        st.none() | st.text(max_size=5) | st.sampled_from(["PodSecurity", "baseline"]),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["plugins", "name", "configuration", "defaults", "kind"]), inner
            )
        ),
        max_leaves=12,
    )
)
def test_whatever_is_written_is_read_or_refused(obj: Any) -> None:
    if not list(problems(obj)):
        parse(obj)


def test_a_wrong_file_is_named(tmp_path: Path) -> None:
    file = tmp_path / "admission.yaml"
    file.write_text("kind: [")
    with pytest.raises(UserError, match=r"admission\.yaml is no YAML"):
        load_admission(file)
