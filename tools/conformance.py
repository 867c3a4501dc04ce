"""Runs Kubernetes' own conformance tests against a new cluster with simulated nodes.

    python tools/conformance.py [FOCUS]

FOCUS is a regular expression on the names of tests; default: every conformance test of the groups
that need no containers. What is out of reach without containers is left out by name:
tests/clients/conformance/out-of-reach.txt. The suite, its runner and a kubectl of the same version
are built into build/conformance, which takes a quarter of an hour the first time. Exit status 1
when a test failed.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "tests" / "clients" / "conformance"
BUILT = ROOT / "build" / "conformance"
VERSION = "1.36.2"
GROUPS = "api-machinery|auth|instrumentation|architecture|cli|apps|scheduling|network"
OF_NODES = (
    "Lease lease API|PodTemplates|Node Lifecycle|RuntimeClass should support|"
    "Pods should (patch|be updated|be submitted|delete|run through|allow active)|"
    "(Secrets|ConfigMap) should (fail|patch|run through)"
)
"""Of [sig-node], most of which looks into containers."""
PROCESSES = 5
"""Most tests wait most of the time."""


def _build() -> None:
    BUILT.mkdir(parents=True, exist_ok=True)
    _, minor, _ = VERSION.split(".")
    stamp = "k8s.io/component-base/version"
    told = f"-X {stamp}.gitVersion=v{VERSION} -X {stamp}.gitMajor=1 -X {stamp}.gitMinor={minor}"
    for command in (
        ["go", "test", "-c", "-o", str(BUILT / "e2e.test"), "."],
        ["go", "build", "-o", str(BUILT / "ginkgo"), "github.com/onsi/ginkgo/v2/ginkgo"],
        [
            *("go", "build", "-ldflags", told, "-o", str(BUILT / "kubectl")),
            "k8s.io/kubernetes/cmd/kubectl",
        ],
    ):
        subprocess.run(["nice", "-n", "15", *command], cwd=SOURCES, check=True)


def _out_of_reach() -> str:
    lines = (SOURCES / "out-of-reach.txt").read_text().splitlines()
    return "|".join(line for line in lines if line and not line.startswith("#"))


def main(focus: str) -> int:
    _build()
    name = f"conformance-{secrets.token_hex(3)}"
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home, "GRAPPE_EGRESS": "off"}
        data = Path(home) / "data"

        def grappe(*arguments: str) -> None:
            command = [sys.executable, "-m", "grappe.cli", *arguments, "--cluster", name]
            subprocess.run(command, env=environment, check=True)

        grappe("up", "--simulate", "3", "--port", "0", "--data-dir", str(data))
        try:
            return subprocess.run(
                [
                    *(str(BUILT / "ginkgo"), f"--nodes={PROCESSES}", "--no-color"),
                    *(f"--focus={focus}", f"--skip={_out_of_reach()}", "--timeout=60m"),
                    *(f"--output-dir={BUILT}", "--json-report=report.json"),
                    *(str(BUILT / "e2e.test"), "--", "--provider=skeleton"),
                    f"--kubeconfig={data / 'kubeconfig'}",
                    f"--kubectl-path={BUILT / 'kubectl'}",
                    "--dump-logs-on-failure=false",
                ],
                env=environment,
            ).returncode
        finally:
            grappe("delete", "--yes")


if __name__ == "__main__":
    every = rf"\[sig-({GROUPS})\].*\[Conformance\]|\[sig-node\] ({OF_NODES}).*\[Conformance\]"
    raise SystemExit(main(sys.argv[1] if len(sys.argv) > 1 else every))
