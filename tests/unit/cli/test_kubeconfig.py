"""What `grappe kubeconfig` prints."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from grappe.base.config import ClusterConfig
from grappe.base.errors import UserError
from grappe.cli.kubeconfig import command


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ClusterConfig:
    monkeypatch.setattr("grappe.assembly.cluster.default_data_dir", lambda name: tmp_path / name)
    made = ClusterConfig(name="a", data_dir=tmp_path / "a", port=6443)
    made.save()
    return made


def test_the_file_or_where_it_is(config: ClusterConfig) -> None:
    config.kubeconfig.write_text("apiVersion: v1\n")
    assert CliRunner().invoke(command, ["-c", "a"]).stdout == "apiVersion: v1\n"
    assert CliRunner().invoke(command, ["-c", "a", "--path"]).stdout == f"{config.kubeconfig}\n"


def test_a_cluster_that_never_started_has_none(config: ClusterConfig) -> None:
    done = CliRunner().invoke(command, ["-c", "a"])
    assert isinstance(done.exception, UserError)
    assert "has not been started yet" in done.exception.message
