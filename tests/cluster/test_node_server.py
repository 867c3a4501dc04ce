"""The kubelet's server behind the API server, on simulated pods: no root needed."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from grappe.api.resources import NODES, PODS
from grappe.apiserver.http.messages import User
from grappe.apiserver.pki import ensure
from grappe.base.clock import SystemClock
from grappe.node.agent import run
from grappe.node.runtime.simulated import SimulatedRuntime
from grappe.node.runtime.simulated.script import ANNOTATION
from grappe.node.server import kubelet
from grappe.node.settings import NodeSettings
from grappe.testing.cluster import TestCluster, running_cluster

NODE_USER = User("system:node:n1", ("system:nodes", "system:authenticated"))


@asynccontextmanager
async def serving(directory: Path) -> AsyncIterator[tuple[TestCluster, Path]]:
    async with running_cluster(data_dir=directory / "cluster") as cluster:
        kubeconfig = await cluster.serve_https()
        pki = cluster.api.pki
        settings = NodeSettings(
            "test",
            "n1",
            "127.0.0.1",
            directory / "node",
            serving_certificate=pki.certificate("kubelet"),
            serving_key=pki.key("kubelet"),
            client_ca=pki.ca_certificate,
            simulated=True,
        )
        client = cluster.client_of(NODE_USER)
        agent = asyncio.create_task(
            run(client, settings, SimulatedRuntime("10.9.0.0/24"), SystemClock())
        )
        script = json.dumps({"log": "one\ntwo"})
        await cluster.client.create(
            PODS,
            {
                "apiVersion": "v1",
                "kind": "Pod",
                "metadata": {
                    "name": "web",
                    "namespace": "default",
                    "annotations": {ANNOTATION: script},
                },
                "spec": {
                    "nodeName": "n1",
                    "automountServiceAccountToken": False,
                    "containers": [{"name": "app", "image": "example.test/app:1"}],
                },
            },
        )
        async with asyncio.timeout(15):
            while True:
                pod = await cluster.client.get(PODS, "web", "default")
                if pod["status"].get("phase") == "Running":
                    break
                await asyncio.sleep(0.01)
            while not await _registered(cluster):
                await asyncio.sleep(0.01)
        try:
            yield cluster, kubeconfig
        finally:
            agent.cancel()
            await asyncio.gather(agent, return_exceptions=True)


async def _registered(cluster: TestCluster) -> bool:
    return bool((await cluster.client.list(NODES)).items)


async def kubelet_port(cluster: TestCluster) -> int:
    node = await cluster.client.get(NODES, "n1")
    return int(node["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"])


async def ask(port: int, tls: ssl.SSLContext, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    writer.write(request)
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


def client_tls(cluster: TestCluster, name: str | None) -> ssl.SSLContext:
    pki = cluster.api.pki
    context = ssl.create_default_context(cafile=str(pki.ca_certificate))
    if name is not None:
        context.load_cert_chain(pki.certificate(name), pki.key(name))
    return context


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: n1\r\n\r\n".encode()


async def test_only_the_api_server_may_ask(tmp_path: Path) -> None:
    async with serving(tmp_path) as (cluster, _):
        port = await kubelet_port(cluster)
        nobody, admin = client_tls(cluster, None), client_tls(cluster, "admin")
        api = client_tls(cluster, "kubelet-client")
        assert b" 401 " in await ask(port, nobody, get("/pods"))
        assert b" 403 " in await ask(port, admin, get("/pods"))
        assert b" 200 " in await ask(port, nobody, get("/healthz"))
        assert b'"name": "web"' in await ask(port, api, get("/pods"))


async def test_a_new_authority_is_trusted_and_a_new_certificate_shown_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubelet, "_RENEW_SECONDS", 0.05)
    async with serving(tmp_path) as (cluster, _):
        port = await kubelet_port(cluster)
        for path in cluster.config.pki_dir.iterdir():
            if path.suffix in (".crt", ".key") and path.stem != "sa":
                path.unlink()
        ensure(cluster.config)
        api = client_tls(cluster, "kubelet-client")
        async with asyncio.timeout(15):
            while True:
                try:
                    assert b'"name": "web"' in await ask(port, api, get("/pods"))
                    return
                except ssl.SSLError:
                    await asyncio.sleep(0.02)


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (get("/nonsense"), b" 404 "),
        (get("/containerLogs/default/nope/app"), b'pod \\"nope\\" does not exist'),
        (get("/containerLogs/default/web/nope"), b"container nope is not valid for pod web"),
        (get("/containerLogs/default/web/app?tailLines=x"), b" 400 "),
        (get("/exec/default/web/app?command=sh"), b"Upgrade request required"),
        (b"nonsense\r\n\r\n", b" 400 "),
        (b"GET / HTTP/1.1\r\n", b""),
    ],
)
async def test_bad_requests_are_answered(tmp_path: Path, request_: bytes, answer: bytes) -> None:
    async with serving(tmp_path) as (cluster, _):
        tls = client_tls(cluster, "kubelet-client")
        port = await kubelet_port(cluster)
        if not request_.endswith(b"\r\n\r\n"):
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
            writer.write(request_)
            writer.close()
            request_, answer = get("/healthz"), b" 200 "
        assert answer in await ask(port, tls, request_)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
async def test_kubectl_reads_logs_and_is_told_why_it_cannot_exec(tmp_path: Path) -> None:
    async def kubectl(kubeconfig: Path, *arguments: str) -> tuple[bytes, bytes]:
        process = await asyncio.create_subprocess_exec(
            "kubectl",
            *arguments,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "KUBECONFIG": str(kubeconfig), "HOME": str(tmp_path)},
        )
        async with asyncio.timeout(30):
            return await process.communicate()

    async with serving(tmp_path) as (_, kubeconfig):
        out, _ = await kubectl(kubeconfig, "logs", "web")
        assert out == b"simulated container app started\none\ntwo\n"
        _, err = await kubectl(kubeconfig, "exec", "web", "--", "ls")
        assert b"this pod is simulated" in err
        _, err = await kubectl(kubeconfig, "attach", "web")
        assert b"this pod is simulated" in err


@pytest.mark.parametrize(
    ("offered", "answer"),
    [
        ("", b"unable to upgrade: X-Stream-Protocol-Version is required"),
        (
            "X-Stream-Protocol-Version: v9\r\n",
            b"unable to upgrade: unable to negotiate protocol: client supports [v9], "
            b"server accepts [v4.channel.k8s.io v3.channel.k8s.io v2.channel.k8s.io "
            b"channel.k8s.io]",
        ),
        (
            "X-Stream-Protocol-Version: v9\r\nX-Stream-Protocol-Version: v4.channel.k8s.io\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n"
            b"X-Stream-Protocol-Version: v4.channel.k8s.io\r\n",
        ),
    ],
)
async def test_spdy_is_agreed_on_through_the_api_server(
    tmp_path: Path, offered: str, answer: bytes
) -> None:
    async with serving(tmp_path) as (cluster, _):
        tls = client_tls(cluster, "admin")
        path = "/api/v1/namespaces/default/pods/web/exec?container=app&command=ls&stdout=true"
        head = f"POST {path} HTTP/1.1\r\nHost: api\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", cluster.config.port, ssl=tls)
        writer.write(f"{head}{offered}Content-Length: 0\r\n\r\n".encode())
        found = b""
        async with asyncio.timeout(10):
            while answer not in found:
                piece = await reader.read(4096)
                assert piece, found
                found += piece
        writer.close()
