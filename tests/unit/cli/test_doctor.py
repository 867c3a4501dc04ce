"""What `grappe doctor` says about machines that miss something."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from grappe.cli import doctor
from grappe.node.runtime.containerd import daemon


def run(home: Path) -> tuple[int, dict[str, dict[str, object]]]:
    environment = {"HOME": str(home)}
    done = CliRunner(env=environment).invoke(doctor.command, ["-c", "no-such", "-o", "json"])
    return done.exit_code, {f["check"]: f for f in json.loads(done.stdout)}


def test_what_a_real_node_needs_and_is_not_there_fails_with_the_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    monkeypatch.setattr(daemon, "CNI_DIRECTORIES", (str(tmp_path),))
    code, findings = run(tmp_path)
    assert code == 1
    assert findings["programs"]["fine"] is False
    assert findings["programs"]["fix"] == (
        "apt-get install containerd containernetworking-plugins git iproute2 nftables runc"
    )


def test_what_is_only_good_to_have_is_told_and_fails_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    optional = {"slirp4netns", "conntrack"}
    monkeypatch.setattr(
        shutil, "which", lambda name, path=None: None if name in optional else f"/usr/bin/{name}"
    )
    for plugin in ("ptp", "host-local", "loopback"):
        (tmp_path / plugin).touch()
    monkeypatch.setattr(daemon, "CNI_DIRECTORIES", (str(tmp_path),))
    monkeypatch.setattr(doctor, "_CERTIFICATES", tmp_path / "none.crt")
    _, findings = run(tmp_path)
    assert findings["programs"]["fine"] is True
    assert findings["optional"]["fine"] is True
    assert findings["optional"]["fix"] == "apt-get install slirp4netns conntrack ca-certificates"


def test_an_old_machine_without_cgroup_controllers_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_CGROUPS", tmp_path)
    _, findings = run(tmp_path)
    assert findings["cgroups"]["fine"] is False
    assert "cpu, memory, pids" in str(findings["cgroups"]["detail"])
