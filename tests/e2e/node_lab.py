"""A cluster with one real node in namespaces of its own: API server, agent and containerd."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import EVENTS, PODS, SERVICE_ACCOUNTS
from grappe.apiserver.http.messages import User
from grappe.base.clock import SystemClock
from grappe.node.agent import run
from grappe.node.cleanup import delete_node
from grappe.node.runtime.containerd import ContainerdRuntime
from grappe.node.runtime.containerd.images import load_image
from grappe.node.settings import NodeSettings
from grappe.testing.cluster import TestCluster, running_cluster
from grappe.testing.isolated import IsolatedLoop
from tests.e2e.node_images import BUSYBOX, busybox_tar

NODE_USER = User("system:node:n1", ("system:nodes", "system:authenticated"))
_CNI = {
    "cniVersion": "0.4.0",
    "name": "lab",
    "plugins": [
        {
            "type": "ptp",
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": "10.201.0.0/24"}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
    ],
}


class RealLab:
    """Everything runs in the isolated loop; `run` gets a coroutine there."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="grappe-node-"))
        self.node_directory = self.directory / "node"
        self.loop = IsolatedLoop()
        self._stack = AsyncExitStack()
        self.cluster: TestCluster
        self.settings: NodeSettings
        self.runtime: ContainerdRuntime
        self.agent: asyncio.Task[None] | None = None
        self.kubeconfig: Path

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run(work)

    @property
    def client(self) -> Any:
        return self.cluster.client

    # -- life
    def __enter__(self) -> RealLab:
        self.loop.__enter__()
        try:
            self.run(self._start())
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.run(self._stop())
        finally:
            self.loop.__exit__()
            shutil.rmtree(self.directory, ignore_errors=True)

    async def _start(self) -> None:
        self.cluster = await self._stack.enter_async_context(
            running_cluster(data_dir=self.directory / "cluster")
        )
        self.kubeconfig = await self.cluster.serve_https()
        pki = self.cluster.api.pki
        self.settings = NodeSettings(
            "lab",
            "n1",
            "127.0.0.1",
            self.node_directory,
            pod_cidr="10.201.0.0/24",
            cluster_dns="10.96.0.10",
            serving_certificate=pki.certificate("kubelet"),
            serving_key=pki.key("kubelet"),
            client_ca=pki.ca_certificate,
            cgroup_root=f"/grappe-test/{self.directory.name}",
        )
        cni = {**_CNI}
        cni["plugins"][0]["ipam"]["dataDir"] = str(self.node_directory / "ipam")  # type: ignore[index]
        paths = ContainerdRuntime(self.node_directory).paths
        paths.cni_config.mkdir(parents=True)
        (paths.cni_config / "10-lab.conflist").write_text(json.dumps(cni))
        self.start_agent()
        async with asyncio.timeout(30):
            while not await self._ready():
                assert self.agent is not None
                assert not self.agent.done(), self.agent.exception()
                await asyncio.sleep(0.02)
        archive = self.directory / "busybox.tar"
        archive.write_bytes(busybox_tar())
        assert await load_image(paths, archive) == [BUSYBOX]

    async def _ready(self) -> bool:
        from grappe.api.resources import NODES

        try:
            node = await self.client.get(NODES, "n1")
        except ApiError:
            return False
        return any(
            c["type"] == "Ready" and c["status"] == "True"
            for c in node.get("status", {}).get("conditions", ())
        )

    def start_agent(self) -> None:
        self.runtime = ContainerdRuntime(self.node_directory)
        client = self.cluster.client_of(NODE_USER)
        self.agent = asyncio.get_running_loop().create_task(
            run(client, self.settings, self.runtime, SystemClock())
        )

    async def stop_agent(self) -> None:
        """As abruptly as a task can be ended: containers are not told."""
        assert self.agent is not None
        self.agent.cancel()
        await asyncio.gather(self.agent, return_exceptions=True)

    async def _stop(self) -> None:
        if self.agent is not None:
            await self.stop_agent()
            await asyncio.to_thread(delete_node, self.settings)
        await self._stack.aclose()

    # -- helpers
    async def create(self, name: str, command: str = "sleep 1000", **spec: Any) -> Object:
        container: Object = {
            "name": "app",
            "image": BUSYBOX,
            "command": ["sh", "-c", command],
            **spec.pop("container", {}),
        }
        metadata = {"name": name, "namespace": "default", **spec.pop("metadata", {})}
        return await self.client.create(
            PODS,
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": metadata,
                "spec": {
                    "nodeName": "n1",
                    "terminationGracePeriodSeconds": 1,
                    "automountServiceAccountToken": False,
                    "containers": [container],
                    **spec,
                },
            },
        )

    async def service_account(self) -> None:
        try:
            await self.client.create(
                SERVICE_ACCOUNTS,
                {
                    "apiVersion": "v1",
                    "kind": "ServiceAccount",
                    "metadata": {"name": "default", "namespace": "default"},
                },
            )
        except ApiError as error:
            if error.code != 409:
                raise

    async def until(
        self, name: str, holds: Callable[[Object], Any], timeout: float = 40.0
    ) -> Object:
        pod: Object = {}
        try:
            async with asyncio.timeout(timeout):
                while True:
                    pod = await self.client.get(PODS, name, "default")
                    if holds(pod):
                        return pod
                    await asyncio.sleep(0.01)
        except TimeoutError:
            listed = await self.client.list(
                EVENTS, "default", field_selector=f"involvedObject.name={name}"
            )
            told = "\n".join(f"{e['reason']}: {e['message']}" for e in listed.items)
            raise AssertionError(json.dumps(pod.get("status"), indent=1) + "\n" + told) from None

    async def until_gone(self, name: str) -> None:
        async with asyncio.timeout(30):
            while True:
                try:
                    await self.client.get(PODS, name, "default")
                except ApiError as error:
                    if error.code == 404:
                        return
                    raise
                await asyncio.sleep(0.01)

    async def delete(self, name: str) -> None:
        await self.client.delete(PODS, name, "default", grace_period=0)

    async def kubectl(
        self, *arguments: str, stdin: bytes | None = None, check: bool = True, timeout: float = 60
    ) -> tuple[int, bytes, bytes]:
        """(exit code, stdout, stderr)."""
        if shutil.which("kubectl") is None:
            pytest.skip("kubectl is not on PATH")
        process = await asyncio.create_subprocess_exec(
            "kubectl",
            *arguments,
            stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "KUBECONFIG": str(self.kubeconfig), "HOME": str(self.directory)},
        )
        try:
            async with asyncio.timeout(timeout):
                out, err = await process.communicate(stdin)
        except TimeoutError:
            process.kill()
            raise AssertionError(f"kubectl {arguments} took longer than {timeout} s") from None
        assert process.returncode is not None
        assert not check or process.returncode == 0, (arguments, out[-2000:], err[-2000:])
        return process.returncode, out, err


def ready(pod: Object) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or []
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def phase(value: str) -> Callable[[Object], bool]:
    return lambda pod: (pod.get("status") or {}).get("phase") == value
