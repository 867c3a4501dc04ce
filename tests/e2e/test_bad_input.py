"""Whatever is wrong is told where the user looks, and never by a traceback or a hang."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import Grappe, clusters, needs_root, until

SERVICE = """
apiVersion: v1
kind: Service
metadata: {{name: {name}}}
spec:
  type: NodePort
  selector: {{app: web}}
  ports: [{{port: 80, nodePort: 30999}}]
"""
APPLICATION = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: {name}, namespace: default}}
spec:
  project: default
  source: {{repoURL: "{repository}", targetRevision: HEAD, path: {path}}}
  destination: {{server: https://kubernetes.default.svc, namespace: default}}
  syncPolicy: {{automated: {{}}}}
"""


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Grappe]:
    grappe = Grappe(f"t-bad{os.getpid()}", tmp_path_factory.mktemp("home"))
    try:
        grappe("up", "--simulate", "1", "--port", "0")
        yield grappe
    finally:
        if clusters.exists(grappe.name):
            grappe("delete", "--yes")


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        ("apiVersion: v1\nkind: Nonsense\nmetadata: {name: x}\n", 'no matches for kind "Nonsense"'),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x\n", "error converting YAML to JSON"),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndatta: {a: b}\n",
            'unknown field "datta"',
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: Not_A_Name}\n",
            'metadata.name: Invalid value: "Not_A_Name"',
        ),
        (
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\n"
            "spec: {replicas: -1, selector: {matchLabels: {a: b}}, template: "
            "{metadata: {labels: {a: c}}, spec: {containers: [{name: c, image: i}]}}}\n",
            "`selector` does not match template `labels`",
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: []}\n",
            "spec.containers: Required value",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: not-there}\n",
            'namespaces "not-there" not found',
        ),
    ],
    ids=["kind", "yaml", "field", "name", "selector", "containers", "namespace"],
)
def test_a_bad_manifest_is_refused_by_kubectl(simulated: Grappe, manifest: str, told: str) -> None:
    done = simulated.kubectl("apply", "-f", "-", stdin=manifest, check=False)
    assert done.returncode != 0
    assert told in done.stderr


def test_a_taken_node_port_is_named(simulated: Grappe) -> None:
    simulated.kubectl("apply", "-f", "-", stdin=SERVICE.format(name="first"))
    second = SERVICE.format(name="second")
    done = simulated.kubectl("apply", "-f", "-", stdin=second, check=False)
    assert "spec.ports[0].nodePort" in done.stderr
    assert "provided port is already allocated" in done.stderr


def _git(folder: Path, *arguments: str) -> None:
    author = ("-c", "user.name=t", "-c", "user.email=t@example.com")
    subprocess.run(["git", "-C", str(folder), *author, *arguments], check=True, capture_output=True)


@pytest.mark.parametrize("what", ["missing", "path", "yaml", "kind"])
def test_a_broken_repository_is_told_on_the_application(
    simulated: Grappe, tmp_path: Path, what: str
) -> None:
    repository = tmp_path / "repository"
    path, told = "manifests", "does not exist"
    if what == "missing":
        told = "not-there"
        repository = tmp_path / "not-there"
    else:
        (repository / "manifests").mkdir(parents=True)
        content = {
            "path": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
            "yaml": "kind: ConfigMap\n  metadata: oops\n",
            "kind": "apiVersion: example.com/v1\nkind: Nonsense\nmetadata: {name: a}\n",
        }[what]
        told = {"path": "elsewhere", "yaml": "broken.yaml", "kind": "Nonsense"}[what]
        path = "elsewhere" if what == "path" else path
        (repository / "manifests" / "broken.yaml").write_text(content)
        _git(repository, "init", "-q", "-b", "main")
        _git(repository, "add", "-A")
        _git(repository, "commit", "-qm", "one")
    name = f"broken-{what}"
    manifest = APPLICATION.format(name=name, repository=repository, path=path)
    until(lambda: simulated.get("crd", "applications.argoproj.io"), "the CRD is there")
    simulated.kubectl("apply", "-f", "-", stdin=manifest)

    def messages() -> str:
        status = (simulated.get("application", name) or {}).get("status", {})
        found = [c["message"] for c in status.get("conditions", [])]
        found.append(status.get("operationState", {}).get("message", ""))
        return " ".join(found)

    until(lambda: told in messages(), f"the Application says {told!r}")
    if what != "kind":
        problems = simulated.status()["problems"]
        assert any(name in problem and told in problem for problem in problems), problems
    simulated.kubectl("delete", "application", name)


@needs_root
def test_without_containerd_up_says_what_to_install(grappe: Grappe) -> None:
    hidden = "mount --bind /dev/null /usr/bin/containerd && exec"
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f'{hidden} "$0" -m grappe.cli up', sys.executable],
        env=grappe.env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "not installed: containerd" in done.stderr
    assert "apt-get install containerd" in done.stderr


def _fill(ballast: Path) -> None:
    """Write until the disk is full."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.write(b"x" * 2**16):
            pass


@needs_root
@pytest.mark.crash
def test_a_full_disk_refuses_writes_and_recovers(grappe: Grappe, tmp_path: Path) -> None:
    """The store on a disk of 24 MiB: writes fail with a message, reads go on, room heals it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(disk)], check=True)
    try:
        grappe("up", "--simulate", "1", "--port", "0", "--data-dir", str(disk / "data"))
        ballast = disk / "ballast"
        _fill(ballast)

        def refused() -> str:
            name, content = f"big-{os.urandom(3).hex()}", "--from-literal=a=" + "x" * 100_000
            done = grappe.kubectl("create", "configmap", name, content, check=False)
            return done.stderr if done.returncode else ""

        told = until(refused, "a write is refused")
        assert "could not be stored" in told
        assert grappe.get("namespace", "default") is not None
        ballast.unlink()

        def accepted() -> bool:
            done = grappe.kubectl(
                "create", "configmap", f"small-{os.urandom(3).hex()}", check=False
            )
            return done.returncode == 0

        until(accepted, "writes are accepted again")
        grappe("down")
        grappe("up")
        assert grappe.get("namespace", "default") is not None
    finally:
        if clusters.exists(grappe.name):
            grappe("delete", "--yes", check=False)
        subprocess.run(["umount", str(disk)], check=False)
