"""The demo's job under kill -9: every commit arrives, nothing acknowledged is lost."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import kubernetes
import pytest

from tests.e2e.conftest import Grappe, needs_root, until
from tests.e2e.images import busybox_archive

pytestmark = [
    needs_root,
    pytest.mark.root,
    pytest.mark.crash,
    pytest.mark.xdist_group("containerd"),
    pytest.mark.timeout(600),
]

IMAGE = "localhost/busybox:delivery"
MANIFESTS = """
apiVersion: apps/v1
kind: Deployment
metadata: {{name: web}}
spec:
  replicas: 2
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: {image}
          command: [sh, -c, "echo version {version} > /www/index.html; exec httpd -f -p 80 -h /www"]
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
APPLICATION = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: web, namespace: default}}
spec:
  project: default
  source: {{repoURL: "{repository}", targetRevision: main, path: .}}
  destination: {{server: https://kubernetes.default.svc, namespace: default}}
  syncPolicy: {{automated: {{prune: true, selfHeal: true}}, retry: {{limit: -1}}}}
"""


class Repository:
    """A Git repository whose commits are versions of the application."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self._git("init", "-q", "-b", "main")

    def _git(self, *arguments: str) -> str:
        author = ("-c", "user.name=t", "-c", "user.email=t@example.com")
        done = subprocess.run(
            ["git", "-C", str(self.path), *author, *arguments],
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def commit(self, version: int) -> str:
        text = MANIFESTS.format(image=IMAGE, version=version)
        (self.path / "web.yaml").write_text(text)
        self._git("add", "-A")
        self._git("commit", "-qm", f"version {version}")
        return self._git("rev-parse", "HEAD")


class Writer(threading.Thread):
    """Creates ConfigMaps one after the other and remembers which were acknowledged."""

    def __init__(self, kubeconfig: Path) -> None:
        super().__init__(daemon=True)
        client = kubernetes.config.new_client_from_config(str(kubeconfig))
        client.configuration.retries = False
        self._api = kubernetes.client.CoreV1Api(client)
        self._stopped = threading.Event()
        self.acknowledged: list[str] = []

    def run(self) -> None:
        number = 0
        while not self._stopped.wait(0.02):
            number += 1
            name = f"written-{number}"
            body: Any = {"metadata": {"name": name}, "data": {"number": str(number)}}
            try:
                self._api.create_namespaced_config_map("default", body, _request_timeout=5)
            except Exception:  # refused, reset, cut off: then nothing was promised
                continue
            self.acknowledged.append(name)

    def stop(self) -> None:
        self._stopped.set()
        self.join()


def answer(address: str) -> str:
    connection = http.client.HTTPConnection(address, 80, timeout=2)
    try:
        connection.request("GET", "/index.html")
        return connection.getresponse().read().decode().strip()
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()


def delivered(grappe: Grappe, revision: str) -> bool:
    status = (grappe.get("application", "web") or {}).get("status", {})
    sync = status.get("sync", {})
    return (sync.get("status"), sync.get("revision"), status.get("health", {}).get("status")) == (
        "Synced",
        revision,
        "Healthy",
    )


def test_every_process_may_be_killed_while_an_application_is_delivered(
    grappe: Grappe, tmp_path: Path
) -> None:
    grappe("up", "--port", "0")
    grappe("image", "load", str(busybox_archive(tmp_path / "b.tar", IMAGE)))
    repository = Repository(tmp_path / "repository")
    revision = repository.commit(0)
    until(lambda: grappe.get("crd", "applications.argoproj.io"), "Applications are served")
    grappe.kubectl("apply", "-f", "-", stdin=APPLICATION.format(repository=repository.path))
    until(lambda: delivered(grappe, revision), "version 0 is delivered")
    address = grappe.get("service", "web")["spec"]["clusterIP"]
    writer = Writer(grappe.config.kubeconfig)
    writer.start()
    everything = ("supervisor", "server", "node", "platform")
    for version, roles in enumerate((("server",), ("node",), ("platform",), everything), 1):
        revision = repository.commit(version)
        pids = {p["role"]: p.get("pid") for p in grappe.status()["processes"]}
        for role in roles:
            os.kill(pids[role], signal.SIGKILL)
        if "supervisor" in roles:
            grappe("up")
        until(lambda r=revision: delivered(grappe, r), f"version {version} is delivered", 120)
        until(lambda v=version: answer(address) == f"version {v}", f"version {version} answers")
    writer.stop()
    assert len(writer.acknowledged) > 20
    found = {c["metadata"]["name"] for c in grappe.get("configmaps")["items"]}
    assert set(writer.acknowledged) <= found
