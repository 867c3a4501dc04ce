"""Runs Kubernetes' own conformance tests against a new cluster.

    python tools/conformance.py [--real] [FOCUS]

FOCUS is a regular expression on the names of tests. Without --real the cluster has three simulated
nodes, and the default is every conformance test of the groups that need no containers; with --real
(root, containerd, busybox) it has one node that runs containers, and the default is every
conformance test of the groups that judge the API server. What is out of reach either way is left
out by name: tests/clients/conformance/out-of-reach.txt and out-of-reach-real.txt.

The suite, its runner, a kubectl of the same version and with --real the programs of the suite's
images are built into build/conformance, which takes a quarter of an hour the first time. What
passed, failed and was out of reach, with the reasons, is written at the end, and to
build/conformance/summary.txt. Exit status 1 when a test failed.
"""

from __future__ import annotations

import argparse
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

import conformance_images
import conformance_report
from grappe.base.errors import UserError

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
EVERY = rf"\[sig-({GROUPS})\].*\[Conformance\]|\[sig-node\] ({OF_NODES}).*\[Conformance\]"
EVERY_REAL = r"\[sig-(api-machinery|auth|cli|instrumentation)\].*\[Conformance\]"
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


def run(focus: str, real: bool) -> int:
    """Run the built suite against a new cluster and say how it went."""
    name = f"conformance-{secrets.token_hex(3)}"
    left_out = SOURCES / ("out-of-reach-real.txt" if real else "out-of-reach.txt")
    reasons = conformance_report.reasons(left_out.read_text())
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "HOME": home, "GRAPPE_EGRESS": "off"}
        data = Path(home) / "data"

        def grappe(*arguments: str) -> None:
            command = [sys.executable, "-m", "grappe.cli", *arguments, "--cluster", name]
            subprocess.run(command, env=environment, check=True)

        nodes = () if real else ("--simulate", "3")
        grappe("up", *nodes, "--port", "0", "--data-dir", str(data))
        try:
            if real:
                for archive in conformance_images.archives(BUILT / "e2e.test", BUILT, Path(home)):
                    grappe("image", "load", str(archive))
            ended = subprocess.run(
                [
                    *(str(BUILT / "ginkgo"), f"--nodes={PROCESSES}", "--no-color"),
                    *(f"--focus={focus}", *(f"--skip={left}" for left in reasons)),
                    "--timeout=60m",
                    *(f"--output-dir={BUILT}", "--json-report=report.json"),
                    *(str(BUILT / "e2e.test"), "--", "--provider=skeleton"),
                    f"--kubeconfig={data / 'kubeconfig'}",
                    f"--kubectl-path={BUILT / 'kubectl'}",
                    "--dump-logs-on-failure=false",
                ],
                env=environment,
            )
        finally:
            grappe("delete", "--yes")
    summary = conformance_report.summary((BUILT / "report.json").read_bytes(), focus, reasons)
    (BUILT / "summary.txt").write_text(summary)
    print(summary)
    return ended.returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--real", action="store_true", help="one node that runs containers")
    parser.add_argument("focus", nargs="?", help="a regular expression on the names of tests")
    options = parser.parse_args()
    if options.real and os.geteuid():
        parser.error("--real runs containers: run it as root")
    _build()
    if options.real:
        conformance_images.build(BUILT)
    try:
        return run(options.focus or (EVERY_REAL if options.real else EVERY), options.real)
    except UserError as error:
        parser.error(f"{error}")


if __name__ == "__main__":
    raise SystemExit(main())
