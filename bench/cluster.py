"""A server process as `grappe up` starts it, and what can be seen of it from outside."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from bench.load import cpu_seconds
from grappe.api import resources
from grappe.base.config import ClusterConfig
from grappe.client import connect


class ServerProcess:
    """`python -m grappe.assembly.server` on one simulated node's data directory."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        if not (directory / "cluster.json").exists():
            ClusterConfig("bench", directory, _free_port(), simulate=1).save()
        self.config = ClusterConfig.load(directory)
        self.url = f"https://127.0.0.1:{self.config.port}"
        self._log = (directory / "server.log").open("ab")
        begun = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "grappe.assembly.server", str(directory)],
            stdout=self._log,
            stderr=self._log,
            # An installed package is compiled once; so is this one.
            env={k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"},
        )
        self._wait_until_ready()
        self.ready_seconds = time.monotonic() - begun
        self.ready_cpu_seconds = cpu_seconds(self.pid)

    def _wait_until_ready(self) -> None:
        context = ssl._create_unverified_context()
        end = time.monotonic() + 120
        while time.monotonic() < end:
            if self._process.poll() is not None:
                break
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", context=context, timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.005)
        log = (self.directory / "server.log").read_text()
        self.stop()
        raise RuntimeError(f"the server did not get ready:\n{log}")

    def memory(self) -> int:
        """Resident bytes."""
        return _status(self._process.pid, "VmRSS") * 1024

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()

    def token(self) -> str:
        """A bearer token of a service account that may do everything."""
        return asyncio.run(self._token())

    async def _token(self) -> str:
        client = connect(self.config.kubeconfig)
        await client.create(
            resources.SERVICE_ACCOUNTS, {"metadata": {"name": "bench", "namespace": "default"}}
        )
        role = {
            "apiGroup": "rbac.authorization.k8s.io",
            "kind": "ClusterRole",
            "name": "cluster-admin",
        }
        subject = {"kind": "ServiceAccount", "name": "bench", "namespace": "default"}
        await client.create(
            resources.CLUSTER_ROLE_BINDINGS,
            {"metadata": {"name": "bench"}, "roleRef": role, "subjects": [subject]},
        )
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        answer = await client.create(
            resources.SERVICE_ACCOUNTS, request, "default", name="bench", subresource="token"
        )
        await client.close()
        return str(answer["status"]["token"])


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _status(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise ValueError(f"no {field} in /proc/{pid}/status")
