"""kill -9 of the node's processes while containers run: nothing restarts, everything is found."""

from __future__ import annotations

import os
import signal

import pytest

from tests.e2e.conftest import Grappe, needs_root, until
from tests.e2e.images import busybox_archive

pytestmark = [
    needs_root,
    pytest.mark.root,
    pytest.mark.crash,
    pytest.mark.xdist_group("containerd"),
    pytest.mark.timeout(300),
]

IMAGE = "localhost/busybox:faults"
DEPLOYMENT = f"""
apiVersion: apps/v1
kind: Deployment
metadata: {{name: sleeper}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: sleeper}}}}
  template:
    metadata: {{labels: {{app: sleeper}}}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{{name: sleeper, image: "{IMAGE}", command: [sleep, "86400"]}}]
"""


@pytest.fixture(scope="module")
def sleeping(real: Grappe, tmp_path_factory: pytest.TempPathFactory) -> Grappe:
    real("image", "load", str(busybox_archive(tmp_path_factory.mktemp("i") / "b.tar", IMAGE)))
    real.kubectl("apply", "-f", "-", stdin=DEPLOYMENT)
    real.kubectl("rollout", "status", "deployment/sleeper", "--timeout=60s")
    return real


def containers(grappe: Grappe) -> dict[str, tuple[str, int]]:
    """Each pod's container id and restart count."""
    return {
        pod["metadata"]["name"]: (
            pod["status"]["containerStatuses"][0]["containerID"],
            pod["status"]["containerStatuses"][0]["restartCount"],
        )
        for pod in grappe.get("pods", "-l", "app=sleeper")["items"]
    }


def is_well(grappe: Grappe) -> bool:
    deployment = grappe.get("deployment", "sleeper")
    return (
        grappe.status()["state"] == "running"
        and deployment is not None
        and deployment["status"].get("availableReplicas") == 2
    )


EVERYTHING = ("supervisor", "server", "node", "platform")


@pytest.mark.parametrize("roles", [("node",), ("server",), EVERYTHING], ids="+".join)
def test_running_containers_are_found_again(sleeping: Grappe, roles: tuple[str, ...]) -> None:
    before = containers(sleeping)
    assert len(before) == 2
    pids = {p["role"]: p["pid"] for p in sleeping.status()["processes"]}
    for role in roles:
        os.kill(pids[role], signal.SIGKILL)
    if "supervisor" in roles:
        sleeping("up")

    def renewed() -> bool:
        now = {p["role"]: p.get("pid") for p in sleeping.status()["processes"]}
        return all(now[role] not in (None, pids[role]) for role in roles)

    until(renewed, "the killed processes are back")
    until(lambda: is_well(sleeping), "the cluster is well")
    assert containers(sleeping) == before


def test_containers_run_again_after_down_and_up(sleeping: Grappe) -> None:
    sleeping("down")
    assert sleeping.status()["state"] == "stopped"
    sleeping("up")
    until(lambda: is_well(sleeping), "the pods run again", timeout=90)
    assert IMAGE in sleeping("image", "ls").stdout
