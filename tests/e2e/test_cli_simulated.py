"""The command line end to end on simulated nodes: no containers, no root needed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.e2e.conftest import Grappe, clusters, until

DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers: [{name: web, image: example.com/web:1}]
"""


def available(grappe: Grappe, name: str = "web") -> int:
    found = grappe.get("deployment", name) or {"status": {}}
    return found["status"].get("availableReplicas", 0)


def test_up_gives_a_cluster_that_kubectl_can_use(grappe: Grappe) -> None:
    told = grappe("up", "--simulate", "3", "--port", "0").stdout
    assert f"grappe-{grappe.name}" in told
    nodes = grappe.kubectl("get", "nodes").stdout
    assert nodes.count(" Ready ") == 3
    grappe.kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    grappe.kubectl("rollout", "status", "deployment/web", "--timeout=30s")
    assert available(grappe) == 3
    report = grappe.status()
    assert report["state"] == "running"
    assert report["simulated"] is True
    assert {p["role"] for p in report["processes"] if p["running"]} == {
        "supervisor",
        "server",
        "node",
        "platform",
    }


def test_down_and_up_continue_where_it_was(grappe: Grappe) -> None:
    grappe("up", "--simulate", "1", "--port", "0")
    port = grappe.config.port
    grappe.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    grappe("down")
    assert grappe.status()["state"] == "stopped"
    assert grappe.kubectl("get", "nodes", check=False).returncode != 0
    grappe("up")
    assert grappe.config.port == port
    assert grappe.get("configmap", "kept")["data"] == {"a": "b"}


@pytest.mark.crash
def test_every_process_may_be_killed(grappe: Grappe) -> None:
    grappe("up", "--simulate", "1", "--port", "0")
    grappe.kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    until(lambda: available(grappe) == 3, "the pods are available")
    for role in ("server", "node", "platform"):
        before = {p["role"]: p.get("pid") for p in grappe.status()["processes"]}
        os.kill(before[role], signal.SIGKILL)

        def back(role: str = role, old: int = before[role]) -> bool:
            now = {p["role"]: p.get("pid") for p in grappe.status()["processes"]}
            return now[role] not in (None, old)

        until(back, f"{role} is started again")
    until(lambda: grappe.status()["state"] == "running", "everything runs again")
    assert available(grappe) == 3


@pytest.mark.crash
def test_up_recovers_after_everything_was_killed_at_once(grappe: Grappe) -> None:
    grappe("up", "--simulate", "1", "--port", "0")
    grappe.kubectl("create", "configmap", "kept", "--from-literal=a=b")
    for process in grappe.status()["processes"]:
        os.kill(process["pid"], signal.SIGKILL)
    grappe("up")
    assert grappe.get("configmap", "kept")["data"] == {"a": "b"}
    assert grappe.status()["state"] == "running"


def test_two_clusters_run_side_by_side(
    grappe: Grappe, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = Grappe(f"{grappe.name}-b", grappe.home)
    grappe("up", "--simulate", "1", "--port", "0")
    try:
        other("up", "--simulate", "1", "--port", "0")
        other.kubectl("create", "namespace", "only-here")
        assert grappe.get("namespace", "only-here") is None
        contexts = yaml.safe_load((grappe.home / ".kube" / "config").read_text())["contexts"]
        assert {c["name"] for c in contexts} == {f"grappe-{grappe.name}", f"grappe-{other.name}"}
    finally:
        other("delete", "--yes")
    contexts = yaml.safe_load((grappe.home / ".kube" / "config").read_text())["contexts"]
    assert {c["name"] for c in contexts} == {f"grappe-{grappe.name}"}


def test_the_users_kubeconfig_is_not_harmed(grappe: Grappe) -> None:
    path = grappe.home / ".kube" / "config"
    path.parent.mkdir()
    mine = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "mine",
        "clusters": [{"name": "mine", "cluster": {"server": "https://mine.invalid", "x-own": 1}}],
        "users": [{"name": "me", "user": {"token": "mine"}}],
        "contexts": [{"name": "mine", "context": {"cluster": "mine", "user": "me"}}],
    }
    path.write_text(yaml.safe_dump(mine))
    grappe("up", "--simulate", "1", "--port", "0")
    merged = yaml.safe_load(path.read_text())
    assert mine["clusters"][0] in merged["clusters"]
    assert merged["current-context"] == "mine"
    assert f"grappe-{grappe.name}" in {c["name"] for c in merged["contexts"]}
    grappe("delete", "--yes")
    after = yaml.safe_load(path.read_text())
    assert after["clusters"] == mine["clusters"]
    assert after["users"] == mine["users"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("status",), "there is no cluster"),
        (("up", "--cluster", "Not_A_Name"), "cannot name a cluster"),
        (("up", "--port", "99999"), "99999"),
        (("logs", "nonsense"), "there is no cluster"),
        (("image", "load", "/nonexistent.tar"), "does not exist"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_bad_input_is_answered_with_what_is_wrong(
    grappe: Grappe, arguments: tuple[str, ...], told: str
) -> None:
    done = grappe(*arguments, check=False)
    assert done.returncode != 0
    assert told in done.stderr


def test_a_folder_with_other_peoples_files_is_no_data_dir(grappe: Grappe, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    up = ("up", "--simulate", "1", "--port", "0", "--data-dir")
    done = grappe(*up, str(mine), check=False)
    assert done.returncode == 1
    assert f"{mine} is not empty" in done.stderr
    assert [p.name for p in mine.iterdir()] == ["thesis.txt"]
    done = grappe(*up, "/dev/null", check=False)
    assert "nothing can be kept in /dev/null" in done.stderr
    assert grappe("status", check=False).returncode == 1


def test_a_running_cluster_says_that_its_nodes_and_port_stay(grappe: Grappe) -> None:
    grappe("up", "--simulate", "1", "--port", "0")
    done = grappe("up", "--simulate", "2", check=False)
    assert done.returncode == 1
    assert "runs already, without 2 simulated nodes" in done.stderr
    assert "is already up" in grappe("up", "--simulate", "1", "--port", "0").stdout


def test_a_cluster_is_deleted_whatever_the_kubeconfig_is_like(grappe: Grappe) -> None:
    grappe("up", "--simulate", "1", "--port", "0")
    (grappe.home / ".kube" / "config").write_text("not: [yaml")
    assert "its context stays" in grappe("delete", "--yes").stderr
    assert grappe("status", check=False).returncode == 1
    assert (grappe.home / ".kube" / "config").read_text() == "not: [yaml"


def test_a_taken_port_is_named(grappe: Grappe, tmp_path: object) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = grappe("up", "--simulate", "1", "--port", str(port), check=False)
    assert done.returncode == 1
    assert f"port {port} on 127.0.0.1 is taken" in done.stderr
    assert "--port 0" in done.stderr


def test_simulated_clusters_say_that_they_hold_no_images(grappe: Grappe, tmp_path: object) -> None:
    grappe("up", "--simulate", "1", "--port", "0")
    done = grappe("image", "ls", check=False)
    assert done.returncode == 1
    assert "simulated nodes" in done.stderr


def test_foreground_stays_until_interrupted(grappe: Grappe) -> None:
    running = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "grappe.cli",
            "up",
            "--simulate",
            "1",
            "--port",
            "0",
            "--foreground",
        ],
        env=grappe.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until(lambda: clusters.exists(grappe.name), "the cluster is made")
        until(lambda: grappe.status()["state"] == "running", "it runs")
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=30) == 0
    finally:
        running.kill()
        running.wait()
    assert grappe.status()["state"] == "stopped"


def test_kubeconfig_and_logs_are_printed(grappe: Grappe) -> None:
    grappe("up", "--simulate", "1", "--port", "0")
    printed = yaml.safe_load(grappe("kubeconfig").stdout)
    assert printed["clusters"][0]["cluster"]["server"].endswith(f":{grappe.config.port}")
    path = Path(grappe("kubeconfig", "--path").stdout.strip())
    assert yaml.safe_load(path.read_text()) == printed
    assert "serving on" in grappe("logs", "server").stdout
    told = grappe("logs", "nonsense", check=False).stderr
    assert "there is no log of 'nonsense'" in told
    assert "server" in told


def test_doctor_prints_findings_as_json(grappe: Grappe) -> None:
    findings = json.loads(grappe("doctor", "-o", "json", check=False).stdout)
    assert {"programs", "privileges", "cgroups", "disk"} <= {f["check"] for f in findings}
    assert all(f["fine"] or f["fix"] for f in findings)


def test_shell_completion_is_printed(grappe: Grappe) -> None:
    assert "_GRAPPE_COMPLETE" in grappe("completion", "bash").stdout
