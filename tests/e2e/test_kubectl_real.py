"""What people do with kubectl on a running pod: logs, exec, cp, port-forward, and bad images."""

from __future__ import annotations

import os
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.conftest import Grappe, needs_root, until
from tests.e2e.images import busybox_archive

pytestmark = [
    needs_root,
    pytest.mark.root,
    pytest.mark.xdist_group("containerd"),
    pytest.mark.timeout(300),
]

IMAGE = "localhost/busybox:e2e"
POD = f"""
apiVersion: v1
kind: Pod
metadata: {{name: web, labels: {{app: web}}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
    - name: web
      image: {IMAGE}
      command:
        - sh
        - -c
        - echo hello > /www/index.html; echo started; exec httpd -f -p 80 -h /www
      ports: [{{containerPort: 80, name: http}}]
      readinessProbe: {{httpGet: {{path: /index.html, port: http}}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec:
  selector: {{app: web}}
  ports: [{{port: 80, targetPort: http}}]
"""


@pytest.fixture(scope="module")
def web(real: Grappe, tmp_path_factory: pytest.TempPathFactory) -> Grappe:
    """A cluster with the busybox image and one ready web pod behind a service."""
    real("image", "load", str(busybox_archive(tmp_path_factory.mktemp("image") / "b.tar", IMAGE)))
    real.kubectl("apply", "-f", "-", stdin=POD)
    real.kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=60s")
    return real


def test_loaded_images_are_listed(web: Grappe) -> None:
    assert IMAGE in web("image", "ls").stdout


def test_logs_and_logs_follow(web: Grappe) -> None:
    assert "started" in web.kubectl("logs", "web").stdout
    follow = subprocess.Popen(
        ["kubectl", f"--context=grappe-{web.name}", "logs", "-f", "--tail=0", "web"],
        env=web.env,
        stdout=subprocess.PIPE,
        text=True,
    )
    # Again and again: only what is written after kubectl began to follow is shown.
    script = "while sleep 0.2; do echo from-exec > /proc/1/fd/1; done"
    writer = subprocess.Popen(
        ["kubectl", f"--context=grappe-{web.name}", "exec", "web", "--", "sh", "-c", script],
        env=web.env,
    )
    try:
        assert follow.stdout is not None
        assert any("from-exec" in line for line in iter(follow.stdout.readline, ""))
    finally:
        for process in (follow, writer):
            process.kill()
            process.wait()
        web.kubectl("exec", "web", "--", "pkill", "-f", "from-exec", check=False)


def test_exec_gives_output_exit_code_and_takes_stdin(web: Grappe) -> None:
    assert web.kubectl("exec", "web", "--", "echo", "hi").stdout == "hi\n"
    assert web.kubectl("exec", "web", "--", "sh", "-c", "exit 7", check=False).returncode == 7
    text = "line\n" * 10_000
    assert web.kubectl("exec", "-i", "web", "--", "cat", stdin=text).stdout == text


def test_exec_on_a_terminal(web: Grappe) -> None:
    inside = "sh -c 'test -t 0 && echo is-a-tty'"
    command = f"kubectl --context=grappe-{web.name} exec -it web -- {inside}"
    done = subprocess.run(
        ["script", "-qec", command, "/dev/null"],
        env=web.env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "is-a-tty" in done.stdout


def test_cp_there_and_back(web: Grappe, tmp_path: Path) -> None:
    there, back = tmp_path / "there", tmp_path / "back"
    there.write_bytes(os.urandom(10 * 2**20))
    web.kubectl("cp", str(there), "web:/tmp/file")
    web.kubectl("cp", "web:/tmp/file", str(back))
    assert back.read_bytes() == there.read_bytes()


@pytest.mark.parametrize("target", ["pod/web", "service/web"])
def test_port_forward(web: Grappe, target: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    forward = subprocess.Popen(
        ["kubectl", f"--context=grappe-{web.name}", "port-forward", target, f"{port}:80"],
        env=web.env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert forward.stdout is not None
        assert "Forwarding from" in forward.stdout.readline()
        for _ in range(20):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as answer:
                assert answer.read() == b"hello\n"
    finally:
        forward.terminate()
        forward.wait()


def test_pods_find_services_by_name(web: Grappe) -> None:
    for name in ("web", "web.default.svc.cluster.local"):
        got = web.kubectl("exec", "web", "--", "wget", "-qO-", f"http://{name}/index.html")
        assert got.stdout == "hello\n"


def test_pods_reach_the_api_server_with_their_own_token(web: Grappe) -> None:
    read = "cat /var/run/secrets/kubernetes.io/serviceaccount/"
    assert web.kubectl("exec", "web", "--", "sh", "-c", read + "namespace").stdout == "default"
    token = web.kubectl("exec", "web", "--", "sh", "-c", read + "token").stdout
    who = subprocess.run(
        ["kubectl", "--kubeconfig=/dev/null", f"--token={token}"]
        + [f"--server=https://127.0.0.1:{web.config.port}"]
        + [f"--certificate-authority={web.config.pki_dir / 'ca.crt'}", "auth", "whoami"],
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert "system:serviceaccount:default:default" in who.stdout


def test_a_missing_image_is_told_on_the_pod_and_in_events(web: Grappe) -> None:
    web.kubectl("run", "missing", "--image=localhost/not-there:1", "--restart=Never")

    def waiting() -> str:
        statuses = web.get("pod", "missing")["status"].get("containerStatuses", [])
        return statuses[0]["state"].get("waiting", {}).get("reason", "") if statuses else ""

    until(lambda: waiting() in ("ErrImagePull", "ImagePullBackOff"), "the pull is told to fail")
    events = web.kubectl("get", "events").stdout
    assert "localhost/not-there:1" in events
    web.kubectl("delete", "pod", "missing", "--now")


def test_malformed_manifests_are_refused_with_the_field(web: Grappe) -> None:
    bad = POD.partition("---")[0].replace("containers:", "contaners:")
    done = web.kubectl("apply", "-f", "-", stdin=bad, check=False)
    assert done.returncode != 0
    assert "contaners" in done.stderr
