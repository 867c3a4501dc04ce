"""What the API server asks of a node's kubelet server for logs, exec, port-forward and proxy."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from grappe.api.errors import ApiError
from grappe.apiserver.http.messages import User
from grappe.assembly.inprocess import InProcessTransport
from grappe.client import connect
from grappe.client.rest import RestClient
from grappe.testing.cluster import TestCluster
from tests.cluster.api_requests import PODS, ask, pod


class Kubelet:
    """A kubelet server that remembers who asked for what, and answers `hello`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.clients: list[Any] = []
        self.headers: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.splitlines()[0])
        self.headers.append(head.lower())
        self.clients.append(writer.get_extra_info("ssl_object").getpeercert()["subject"])
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello"
        )
        await writer.drain()
        writer.close()


@pytest.fixture
async def kubelet(cluster: TestCluster, tmp_path: Path) -> AsyncIterator[Kubelet]:
    """The kubelet server of node n1, on which pod `a` runs."""
    pki = cluster.api.pki
    certificate, key = pki.issue_serving("system:node:n1", ["127.0.0.1"])
    (tmp_path / "kubelet.pem").write_bytes(certificate + key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(pki.ca_certificate))
    tls.load_cert_chain(tmp_path / "kubelet.pem")
    tls.verify_mode = ssl.CERT_REQUIRED
    found = Kubelet()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    node = (await ask(cluster, "POST", "/api/v1/nodes", {"metadata": {"name": "n1"}})).body
    node["status"] = {
        "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": port}},
    }
    assert (await ask(cluster, "PUT", "/api/v1/nodes/n1/status", node)).status == 200
    assert (await ask(cluster, "POST", PODS, pod("a", nodeName="n1"))).status == 201
    yield found
    server.close()
    await server.wait_closed()


@pytest.fixture
async def client(cluster: TestCluster) -> AsyncIterator[RestClient]:
    found = connect(await cluster.serve_https())
    yield found
    await found.close()


async def test_logs_come_from_the_node_that_knows_the_server_by_its_certificate(
    client: RestClient, kubelet: Kubelet
) -> None:
    query = {"tailLines": "5", "timestamps": "true", "secret": "x"}
    answer = await client.raw("GET", f"{PODS}/a/log", query, headers={"authorization": "Bearer t"})
    assert (answer.status, answer.body) == (200, b"hello")
    assert kubelet.asked == [
        "GET /containerLogs/default/a/main?tailLines=5&timestamps=true HTTP/1.1"
    ]
    assert (("commonName", "kube-apiserver-kubelet-client"),) in kubelet.clients[0]
    assert "authorization" not in kubelet.headers[0]


async def test_exec_and_port_forward_keep_their_upgrade(
    client: RestClient, kubelet: Kubelet
) -> None:
    headers = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    query = {"command": "l s", "stdout": "true", "tty": "true"}
    await client.raw("GET", f"{PODS}/a/exec", query, headers=headers)
    await client.raw("GET", f"{PODS}/a/portforward", {"ports": "80"}, headers=headers)
    assert kubelet.asked == [
        "GET /exec/default/a/main?output=1&tty=1&command=l+s HTTP/1.1",
        "GET /portForward/default/a?ports=80 HTTP/1.1",
    ]
    assert all("upgrade: websocket" in head for head in kubelet.headers)


async def test_a_node_is_asked_through_its_proxy(client: RestClient, kubelet: Kubelet) -> None:
    answer = await client.raw("GET", "/api/v1/nodes/n1/proxy/healthz", {"verbose": "1"})
    assert answer.body == b"hello"
    assert kubelet.asked == ["GET /healthz?verbose=1 HTTP/1.1"]


async def test_a_pod_on_a_node_that_is_not_there(
    client: RestClient, cluster: TestCluster, kubelet: Kubelet
) -> None:
    await ask(cluster, "POST", PODS, pod("b", nodeName="gone"))
    with pytest.raises(ApiError) as caught:
        await client.raw("GET", f"{PODS}/b/log")
    assert (caught.value.code, caught.value.message) == (404, 'nodes "gone" not found')


async def test_who_may_only_read_exec_may_not_exec(cluster: TestCluster, kubelet: Kubelet) -> None:
    rbac = "/apis/rbac.authorization.k8s.io/v1"
    rule = {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get"]}
    role = {"metadata": {"name": "peek"}, "rules": [rule]}
    binding = {
        "metadata": {"name": "peek"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "peek"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "joe"}],
    }
    assert (await ask(cluster, "POST", f"{rbac}/clusterroles", role)).status == 201
    assert (await ask(cluster, "POST", f"{rbac}/clusterrolebindings", binding)).status == 201
    joe = InProcessTransport(cluster.api.handle, User("joe", ("system:authenticated",)))
    answer = await joe.request(
        "GET", f"{PODS}/a/exec", {"command": "ls", "stdout": "1"}, {"upgrade": "websocket"}, b""
    )
    assert answer.status == 403
    assert b'cannot create resource \\"pods/exec\\"' in answer.body
    assert kubelet.asked == []
