"""What `grappe up` refuses before it touches anything."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from grappe.apiserver.audit import load_policy
from grappe.assembly import given_files
from grappe.base.config import ClusterConfig
from grappe.base.errors import UserError
from grappe.cli.up import command


def test_a_bad_audit_policy_is_told_before_anything_is_made(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("kind: Policy\napiVersion: audit.k8s.io/v1\nrules: [{level: All}]\n")
    data = tmp_path / "data"
    asked = ["--cluster", "no-such", "--data-dir", str(data), "--simulate", "1"]
    result = CliRunner().invoke(command, [*asked, "--audit-policy", str(policy)])
    assert isinstance(result.exception, UserError)
    assert "rules[0].level must be one of" in result.exception.message
    assert not data.exists()


def test_the_cluster_keeps_the_policy_it_is_given(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("kind: Policy\napiVersion: audit.k8s.io/v1\nrules: [{level: Request}]\n")
    config = ClusterConfig("test", tmp_path, port=0, simulate=1)
    given = {"audit_policy": policy, "authentication_config": None}
    given_files.check(given)
    assert given_files.new(config, given) == [policy]
    given_files.keep(config, given)
    assert given_files.new(config, given) == []
    assert config.audit_policy.read_text() == policy.read_text()
    assert stat.S_IMODE(config.audit_policy.stat().st_mode) == 0o600
    load_policy(config.audit_policy)


def test_a_bad_admission_configuration_is_told_with_its_field(tmp_path: Path) -> None:
    file = tmp_path / "admission.yaml"
    file.write_text("kind: AdmissionConfiguration\nplugins: [{name: PodSecurity, path: x}]\n")
    asked = ["--cluster", "no-such", "--data-dir", str(tmp_path / "data"), "--simulate", "1"]
    result = CliRunner().invoke(command, [*asked, "--admission-control-config-file", str(file)])
    assert isinstance(result.exception, UserError)
    assert "apiVersion: must be apiserver.config.k8s.io/v1" in result.exception.message
    assert "plugins[0].path: write what that file says" in result.exception.message


@pytest.mark.parametrize("option", given_files.GIVEN_FILES)
def test_every_file_is_checked_before_anything_is_made(tmp_path: Path, option: str) -> None:
    file, data = tmp_path / "wrong.yaml", tmp_path / "data"
    file.write_text("[]")
    asked = ["--cluster", "no-such", "--data-dir", str(data), "--simulate", "1"]
    flag = f"--{option.replace('_', '-')}"
    result = CliRunner().invoke(command, [*asked, flag, str(file)])
    assert isinstance(result.exception, UserError)
    assert str(file) in result.exception.message
    assert not data.exists()
