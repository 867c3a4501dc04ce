"""client-go and controller-runtime: the Go tests of tests/clients/go against a running cluster."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.e2e.clients.go_builds import CLIENTS, FIRST_BUILD, built
from tests.e2e.conftest import Grappe

SOURCES = CLIENTS / "go"

pytestmark = FIRST_BUILD


def _names() -> list[str]:
    return sorted(
        name
        for source in SOURCES.glob("*_test.go")
        for name in re.findall(r"^func (Test\w+)\(t ", source.read_text(), re.M)
    )


@pytest.fixture(scope="session")
def binary() -> Path:
    """The test binary."""
    return built("go", "test", "-c")


@pytest.mark.parametrize("name", _names())
def test_go(binary: Path, shared: Grappe, name: str) -> None:
    done = subprocess.run(
        [binary, "-test.v", f"-test.run=^{name}$", "-test.timeout=150s"],
        env={**os.environ, **shared.env, "KUBECONFIG": str(shared.config.kubeconfig)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert f"--- PASS: {name}" in done.stdout, done.stdout
