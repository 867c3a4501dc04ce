"""The command line as a user has it: a home of its own, clusters that are always deleted."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from grappe.assembly import cluster as clusters
from grappe.base.config import ClusterConfig

REAL = os.geteuid() == 0 and shutil.which("containerd") is not None

needs_root = pytest.mark.skipif(not REAL, reason="needs root and containerd")


def until(condition: Callable[[], Any], what: str, timeout: float = 60.0) -> Any:
    """Wait until the condition gives something true, and return that."""
    deadline = time.monotonic() + timeout
    while True:
        if result := condition():
            return result
        assert time.monotonic() < deadline, f"waited {timeout:.0f} s until {what}"
        time.sleep(0.05)


@dataclass
class Grappe:
    """Runs `grappe` and `kubectl` against one cluster."""

    name: str
    home: Path
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.env = {
            **os.environ,
            "HOME": str(self.home),
            "GRAPPE_CLUSTER": self.name,
            "GRAPPE_EGRESS": "off",  # no test talks to the outside
        }
        self.env.pop("KUBECONFIG", None)

    def __call__(
        self, *arguments: str, check: bool = True, timeout: float = 180.0
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "grappe.cli", *arguments],
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        assert "Traceback" not in done.stderr, done.stderr
        if check:
            assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done

    def kubectl(
        self,
        *arguments: str,
        check: bool = True,
        stdin: str | None = None,
        timeout: float = 60.0,
        program: str = "kubectl",
    ) -> subprocess.CompletedProcess[str]:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on PATH")
        done = subprocess.run(
            [program, f"--context=grappe-{self.name}", *arguments],
            env=self.env,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
        )
        if check:
            assert done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done

    def get(self, *arguments: str) -> Any:
        """`kubectl get … -o json`, or None when it is not there."""
        done = self.kubectl("get", *arguments, "-o", "json", check=False)
        return json.loads(done.stdout) if done.returncode == 0 else None

    def status(self) -> Any:
        return json.loads(self("status", "-o", "json", check=False).stdout)

    @property
    def config(self) -> ClusterConfig:
        return clusters.load(self.name)


def _cluster(home: Path) -> Iterator[Grappe]:
    grappe = Grappe(f"t-{secrets.token_hex(3)}", home)
    try:
        yield grappe
    finally:
        if clusters.exists(grappe.name):
            grappe("delete", "--yes")


@pytest.fixture
def grappe(tmp_path: Path) -> Iterator[Grappe]:
    """A cluster name that no other test uses; whatever is made under it is deleted."""
    yield from _cluster(tmp_path)


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grappe]:
    """One running cluster with real containers, shared by the tests of a module."""
    for grappe in _cluster(tmp_path_factory.mktemp("home")):
        grappe("up", "--port", "0")
        yield grappe
