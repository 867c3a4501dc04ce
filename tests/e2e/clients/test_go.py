"""client-go and controller-runtime: the Go tests of tests/clients/go against a running cluster.

They are compiled once for each state of their sources, at low priority, into Go's build cache and
`build/go-clients`; the first time takes minutes, after that nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.e2e.conftest import Grappe

ROOT = Path(__file__).parents[3]
SOURCES = ROOT / "tests" / "clients" / "go"
BUILT = ROOT / "build" / "go-clients"
GO = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")

pytestmark = [
    pytest.mark.skipif(GO is None, reason="go is not on PATH"),
    pytest.mark.timeout(1200),  # the first build
]


def _names() -> list[str]:
    return sorted(
        name
        for source in SOURCES.glob("*_test.go")
        for name in re.findall(r"^func (Test\w+)\(t ", source.read_text(), re.M)
    )


@pytest.fixture(scope="session")
def binary() -> Path:
    """The test binary, compiled unless it is there; one process compiles, the others wait."""
    digest = hashlib.sha256()
    for source in sorted(SOURCES.iterdir()):
        digest.update(source.read_bytes())
    made = BUILT / digest.hexdigest()[:16]
    BUILT.mkdir(parents=True, exist_ok=True)
    with (BUILT / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            for old in BUILT.glob("?" * 16):
                old.unlink()
            _compile(made)
    return made


def _compile(made: Path) -> None:
    part = made.with_suffix(".part")
    done = subprocess.run(
        ["nice", "-n", "15", str(GO), "test", "-c", "-o", str(part), "."],
        cwd=SOURCES,
        capture_output=True,
        text=True,
    )
    if done.returncode and ("proxy.golang.org" in done.stderr or "dial tcp" in done.stderr):
        pytest.skip(f"the modules cannot be fetched: {done.stderr.strip().splitlines()[-1]}")
    assert done.returncode == 0, done.stderr
    part.rename(made)


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
