"""Aggregated APIs: a real extension API server over TLS, found, asked and merged."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from grappe.apiserver.http.messages import User
from grappe.apiserver.pki.front_proxy import ensure_front_proxy
from grappe.assembly.inprocess import InProcessTransport
from grappe.client import connect
from grappe.testing.cluster import TestCluster, running_cluster
from tests.cluster.api_requests import ask
from tests.cluster.https_servers import Asked, HttpsServer, http, https_server

API_SERVICES = "/apis/apiregistration.k8s.io/v1/apiservices"
NAME = "v1alpha1.wardle.example.com"
ROOT = "/apis/wardle.example.com/v1alpha1"
FLUNDERS = f"{ROOT}/namespaces/default/flunders"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
MERGE = {"content-type": "application/merge-patch+json"}

RESOURCES = {
    "kind": "APIResourceList",
    "apiVersion": "v1",
    "groupVersion": "wardle.example.com/v1alpha1",
    "resources": [
        {
            "name": "flunders",
            "singularName": "flunder",
            "namespaced": True,
            "kind": "Flunder",
            "verbs": ["create", "get", "list", "watch"],
            "shortNames": ["fl"],
        },
        {"name": "flunders/status", "namespaced": True, "kind": "Flunder", "verbs": ["get"]},
    ],
}
OPENAPI = {"openapi": "3.0.0", "paths": {f"{ROOT}/flunders": {}}}


class Extension:
    """What the extension server answers. `broken` makes it fail."""

    def __init__(self) -> None:
        self.broken = False

    async def __call__(self, asked: Asked) -> bytes | None:
        if self.broken:
            return http(500, b"broken")
        path, _, query = asked.path.partition("?")
        if path == ROOT:
            return http(200, RESOURCES)
        if path == "/openapi/v3":
            url = f"/openapi/v3{ROOT}?hash=ABC"
            return http(200, {"paths": {ROOT[1:]: {"serverRelativeURL": url}}})
        if path == f"/openapi/v3{ROOT}":
            return http(200, OPENAPI)
        if path == "/openapi/v2":
            definitions = {"com.example.Flunder": {"type": "object"}}
            paths = {f"{ROOT}/flunders": {"get": {}}, "/apis/apps/v1/stolen": {}}
            return http(200, {"swagger": "2.0", "paths": paths, "definitions": definitions})
        if "watch" in query:
            return await self._watch(asked)
        if path.endswith("/connect"):
            asked.writer.write(
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
            )
            asked.writer.write(await asked.reader.readexactly(4))
            await asked.writer.drain()
            return None
        if path.startswith(FLUNDERS):
            headers = {"Warning": '299 - "careful"', "Cache-Control": "max-age=1"}
            status = 201 if asked.method == "POST" else 200
            return http(status, {"kind": "Flunder", "sent": asked.body.decode()}, headers)
        return http(404, {"kind": "Status", "code": 404, "message": "nothing here"})

    async def _watch(self, asked: Asked) -> None:
        asked.writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for number in (1, 2):
            line = orjson.dumps({"type": "ADDED", "object": {"n": number}}) + b"\n"
            asked.writer.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            await asked.writer.drain()
        await asked.reader.read()  # until the other side goes


@pytest.fixture
def extension() -> Extension:
    return Extension()


@pytest.fixture
async def server(
    cluster: TestCluster, tmp_path: Path, extension: Extension
) -> AsyncIterator[HttpsServer]:
    """It believes whom the cluster's ConfigMap tells it to believe."""
    where = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
    data = (await ask(cluster, "GET", where)).body["data"]
    ca = data["requestheader-client-ca-file"].encode()
    async with https_server(tmp_path, extension, client_ca=ca) as running:
        yield running


def api_service(server: HttpsServer, **spec: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": NAME},
        "spec": {
            "group": "wardle.example.com",
            "version": "v1alpha1",
            "service": {"namespace": "default", "name": "extension", "port": 7443},
            "groupPriorityMinimum": 2000,
            "versionPriority": 200,
            "caBundle": server.bundle,
            **spec,
        },
    }


async def expose(cluster: TestCluster, port: int) -> None:
    """The Service `extension`, served on loopback."""
    service = {"metadata": {"name": "extension"}, "spec": {"ports": [{"port": 7443}]}}
    made = await ask(cluster, "POST", "/api/v1/namespaces/default/services", service)
    assert made.status == 201, made.body
    endpoint_slice = {
        "metadata": {"name": "e", "labels": {"kubernetes.io/service-name": "extension"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": ["127.0.0.1"]}],
        "ports": [{"name": "", "port": port}],
    }
    slices = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices"
    made = await ask(cluster, "POST", slices, endpoint_slice)
    assert made.status == 201, made.body


async def condition(cluster: TestCluster, reason: str) -> dict[str, Any]:
    """The condition Available once it is there for this reason."""
    async with asyncio.timeout(30):
        while True:
            status = (await ask(cluster, "GET", f"{API_SERVICES}/{NAME}")).body.get("status") or {}
            for found in status.get("conditions") or ():
                if found["type"] == "Available" and found["reason"] == reason:
                    return dict(found)
            await asyncio.sleep(0.02)


async def available(cluster: TestCluster, server: HttpsServer, **spec: Any) -> None:
    await expose(cluster, server.port)
    made = await ask(cluster, "POST", API_SERVICES, api_service(server, **spec))
    assert made.status == 201, made.body
    await condition(cluster, "Passed")


async def test_the_condition_says_what_is_wrong(
    cluster: TestCluster, server: HttpsServer, extension: Extension
) -> None:
    extension.broken = True
    await ask(cluster, "POST", API_SERVICES, api_service(server))
    found = await condition(cluster, "ServiceNotFound")
    assert (found["status"], found["message"]) == (
        "False",
        'service/extension in "default" is not present',
    )
    refused = await cluster.transport.request("GET", FLUNDERS, {}, {}, b"")
    assert (refused.status, refused.body) == (503, b"service unavailable\n")
    service = {"metadata": {"name": "extension"}, "spec": {"ports": [{"port": 1}]}}
    services = "/api/v1/namespaces/default/services"
    await ask(cluster, "POST", services, service)
    found = await condition(cluster, "ServicePortError")
    assert found["message"] == 'service/extension in "default" is not listening on port 7443'
    await ask(cluster, "DELETE", f"{services}/extension")
    service["spec"] = {"ports": [{"port": 7443}]}
    await ask(cluster, "POST", services, service)
    found = await condition(cluster, "EndpointsNotFound")
    assert found["message"] == 'cannot find endpointslices for service/extension in "default"'
    await ask(cluster, "DELETE", f"{services}/extension")
    await expose(cluster, server.port)
    found = await condition(cluster, "FailedDiscoveryCheck")
    where = f"https://extension.default.svc:7443{ROOT}"
    assert found["message"] == (
        f"failing or missing response from {where}: bad status from {where}: 500"
    )
    extension.broken = False
    patch = {"metadata": {"labels": {"look": "again"}}}
    await ask(cluster, "PATCH", f"{API_SERVICES}/{NAME}", patch, MERGE)
    found = await condition(cluster, "Passed")
    assert (found["status"], found["message"]) == ("True", "all checks passed")


async def test_requests_are_passed_on_with_who_asks_and_without_his_credentials(
    cluster: TestCluster, server: HttpsServer
) -> None:
    await available(cluster, server)
    user = User("jäne", ("system:masters", "g2"), "u1", {"Example.com/Team": ("a", "b")})
    jane = InProcessTransport(cluster.api.handle, user)
    headers = {
        "authorization": "Bearer secret",
        "x-remote-user": "root",
        "x-remote-group": "system:masters",
        "impersonate-user": "",
        "content-type": "application/json",
        "accept": "application/json",
    }
    made = await jane.request("POST", FLUNDERS, {"fieldManager": "me"}, headers, b'{"a":1}')
    assert (made.status, orjson.loads(made.body)["sent"]) == (201, '{"a":1}')
    assert made.headers["Warning"] == '299 - "careful"'
    assert "Cache-Control" not in made.headers
    asked = server.asked[-1]
    assert (asked.method, asked.path) == ("POST", f"{FLUNDERS}?fieldManager=me")
    assert asked.all("x-remote-user") == ["jäne".encode().decode("latin-1")]
    assert asked.all("x-remote-uid") == ["u1"]
    assert asked.all("x-remote-group") == ["system:masters", "g2"]
    assert asked.all("x-remote-extra-example.com%2fteam") == ["a", "b"]
    assert not asked.all("authorization")
    assert not asked.all("impersonate-user")
    assert asked.all("host") == ["extension.default.svc:7443"]
    assert (("commonName", "front-proxy-client"),) in asked.certificate["subject"]


async def test_authorization_comes_first(cluster: TestCluster, server: HttpsServer) -> None:
    await available(cluster, server)
    before = len(server.asked)
    nobody = InProcessTransport(cluster.api.handle, User("joe", ("system:authenticated",)))
    refused = await nobody.request("GET", FLUNDERS, {}, {}, b"")
    assert refused.status == 403
    assert b'cannot list resource \\"flunders\\" in API group' in refused.body
    assert len(server.asked) == before


async def test_discovery_is_merged(
    cluster: TestCluster, server: HttpsServer, extension: Extension
) -> None:
    await available(cluster, server)
    groups = (await ask(cluster, "GET", "/apis")).body["groups"]
    version = {"groupVersion": "wardle.example.com/v1alpha1", "version": "v1alpha1"}
    assert groups[-1] == {
        "name": "wardle.example.com",
        "versions": [version],
        "preferredVersion": version,
    }
    group = (await ask(cluster, "GET", "/apis/wardle.example.com")).body
    assert (group["kind"], group["versions"]) == ("APIGroup", [version])
    assert (await ask(cluster, "GET", ROOT)).body == RESOURCES
    whole = (await ask(cluster, "GET", "/apis", None, {"accept": AGGREGATED})).body
    item = whole["items"][-1]
    assert item["metadata"] == {"name": "wardle.example.com"}
    kind = {"group": "wardle.example.com", "version": "v1alpha1", "kind": "Flunder"}
    assert item["versions"] == [
        {
            "version": "v1alpha1",
            "freshness": "Current",
            "resources": [
                {
                    "resource": "flunders",
                    "responseKind": kind,
                    "scope": "Namespaced",
                    "singularResource": "flunder",
                    "verbs": ["create", "get", "list", "watch"],
                    "shortNames": ["fl"],
                    "subresources": [
                        {"subresource": "status", "responseKind": kind, "verbs": ["get"]}
                    ],
                }
            ],
        }
    ]
    extension.broken = True
    patch = {"metadata": {"labels": {"look": "again"}}}
    await ask(cluster, "PATCH", f"{API_SERVICES}/{NAME}", patch, MERGE)
    await condition(cluster, "FailedDiscoveryCheck")
    whole = (await ask(cluster, "GET", "/apis", None, {"accept": AGGREGATED})).body
    assert whole["items"][-1]["versions"][0]["freshness"] == "Stale"
    assert whole["items"][-1]["versions"][0]["resources"]
    assert (await ask(cluster, "GET", ROOT)).status == 503
    await ask(cluster, "DELETE", f"{API_SERVICES}/{NAME}")
    assert (await ask(cluster, "GET", "/apis/wardle.example.com")).status == 404
    assert (await ask(cluster, "GET", FLUNDERS)).status == 404


async def test_openapi_is_merged(cluster: TestCluster, server: HttpsServer) -> None:
    await available(cluster, server)
    index = (await ask(cluster, "GET", "/openapi/v3")).body["paths"]
    url = index[ROOT[1:]]["serverRelativeURL"]
    assert url == f"/openapi/v3{ROOT}?hash=ABC"
    assert (await ask(cluster, "GET", f"/openapi/v3{ROOT}", hash="ABC")).body == OPENAPI
    document = (await ask(cluster, "GET", "/openapi/v2")).body
    assert document["paths"][f"{ROOT}/flunders"] == {"get": {}}
    assert "/apis/apps/v1/stolen" not in document["paths"]
    assert document["definitions"]["com.example.Flunder"] == {"type": "object"}
    assert "io.k8s.api.core.v1.Pod" in document["definitions"]


async def test_a_watch_passes_through_as_it_comes(
    cluster: TestCluster, server: HttpsServer
) -> None:
    await available(cluster, server)
    lines = cluster.transport.stream(FLUNDERS, {"watch": "true"}, {})
    seen = [orjson.loads(await asyncio.wait_for(anext(lines), 10))["object"]["n"] for _ in (1, 2)]
    assert seen == [1, 2]
    await lines.aclose()  # type: ignore[attr-defined]


async def test_an_upgrade_becomes_a_tunnel(cluster: TestCluster, server: HttpsServer) -> None:
    await available(cluster, server)
    client = connect(await cluster.serve_https())
    try:
        import ssl

        tls = ssl.create_default_context(cafile=str(cluster.api.pki.ca_certificate))
        pki = cluster.api.pki
        tls.load_cert_chain(pki.certificate("admin"), pki.key("admin"))
        reader, writer = await asyncio.open_connection("127.0.0.1", cluster.config.port, ssl=tls)
        head = f"GET {FLUNDERS}/a/connect HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        writer.write(head.encode() + b"Upgrade: echo\r\n\r\n")
        answer = await reader.readuntil(b"\r\n\r\n")
        assert answer.startswith(b"HTTP/1.1 101 ")
        writer.write(b"ping")
        assert await reader.readexactly(4) == b"ping"
        writer.close()
        assert server.asked[-1].all("x-remote-user") == ["kubernetes-admin"]
    finally:
        await client.close()


async def test_a_server_that_is_not_who_it_should_be_is_not_believed(
    cluster: TestCluster, server: HttpsServer, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    async with https_server(other, Extension()) as stranger:
        # The probe does not look at the certificate, as in Kubernetes; requests do.
        await available(cluster, server, caBundle=stranger.bundle)
        refused = await cluster.transport.request("GET", FLUNDERS, {}, {}, b"")
        assert refused.status == 503
        assert b"error trying to reach service: tls: failed to verify certificate" in refused.body
        patch = {"spec": {"caBundle": None, "insecureSkipTLSVerify": True}}
        changed = await ask(cluster, "PATCH", f"{API_SERVICES}/{NAME}", patch, MERGE)
        assert changed.status == 200, changed.body
        assert (await ask(cluster, "GET", FLUNDERS)).status == 200


async def test_a_server_that_has_gone_is_told_as_unavailable(
    cluster: TestCluster, tmp_path: Path
) -> None:
    async with https_server(tmp_path, Extension()) as server:
        await available(cluster, server)
    refused = await cluster.transport.request("GET", FLUNDERS, {}, {}, b"")
    assert refused.status == 503
    assert b"error trying to reach service: dial tcp" in refused.body
    patch = {"metadata": {"labels": {"look": "again"}}}
    await ask(cluster, "PATCH", f"{API_SERVICES}/{NAME}", patch, MERGE)
    found = await condition(cluster, "FailedDiscoveryCheck")
    assert "connection refused" in found["message"]


async def test_local_group_versions_have_their_services(cluster: TestCluster) -> None:
    listed = (await ask(cluster, "GET", API_SERVICES)).body["items"]
    found = {o["metadata"]["name"]: o for o in listed}
    assert {"v1.", "v1.apps", "v2.autoscaling", "v1.rbac.authorization.k8s.io"} <= found.keys()
    assert found["v1."]["spec"] == {
        "version": "v1",
        "groupPriorityMinimum": 18000,
        "versionPriority": 15,
    }
    for one in found.values():
        condition = one["status"]["conditions"][0]
        assert (
            condition["type"],
            condition["status"],
            condition["reason"],
            condition["message"],
        ) == (
            "Available",
            "True",
            "Local",
            "Local APIServices are always available",
        )


async def test_definitions_have_their_services_as_long_as_they_are_there(
    cluster: TestCluster,
) -> None:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    definition = {
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [version],
        },
    }
    crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

    async def until(status: int) -> Any:
        async with asyncio.timeout(30):
            while True:
                found = await ask(cluster, "GET", f"{API_SERVICES}/v1.example.com")
                if found.status == status:
                    return found.body
                await asyncio.sleep(0.01)

    await ask(cluster, "POST", crds, definition)
    made = await until(200)
    assert made["spec"]["groupPriorityMinimum"] == 1000
    assert made["metadata"]["labels"] == {"kube-aggregator.kubernetes.io/automanaged": "true"}
    await ask(cluster, "DELETE", f"{API_SERVICES}/v1.example.com")
    again = await until(200)
    assert again["metadata"]["uid"] != made["metadata"]["uid"]
    await ask(cluster, "DELETE", f"{crds}/things.example.com")
    await until(404)


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="needs kubectl")
async def test_kubectl_lists_and_uses_them(cluster: TestCluster, server: HttpsServer) -> None:
    await available(cluster, server)
    kubeconfig = await cluster.serve_https()

    def kubectl(*arguments: str) -> str:
        return subprocess.run(
            [
                "kubectl",
                "--kubeconfig",
                str(kubeconfig),
                "--cache-dir",
                str(kubeconfig) + ".cache",
                *arguments,
            ],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        ).stdout

    printed = await asyncio.to_thread(kubectl, "get", "apiservices")
    rows = {line.split()[0]: line.split()[1:3] for line in printed.splitlines()[1:]}
    assert rows[NAME] == ["default/extension", "True"]
    assert rows["v1.apps"] == ["Local", "True"]
    printed = await asyncio.to_thread(kubectl, "api-resources", "--api-group=wardle.example.com")
    assert "flunders" in printed


async def test_extension_servers_are_told_whom_to_believe(tmp_path: Path) -> None:
    where = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
    async with running_cluster(data_dir=tmp_path) as cluster:
        data = (await ask(cluster, "GET", where)).body["data"]
        assert data["client-ca-file"] == cluster.api.pki.ca_certificate.read_text()
        assert json.loads(data["requestheader-allowed-names"]) == ["front-proxy-client"]
        assert json.loads(data["requestheader-username-headers"]) == ["X-Remote-User"]
        assert json.loads(data["requestheader-extra-headers-prefix"]) == ["X-Remote-Extra-"]
        front = data["requestheader-client-ca-file"]
        assert front != data["client-ca-file"]
        await ask(cluster, "PATCH", where, {"data": {"client-ca-file": "x", "other": "y"}}, MERGE)
    async with running_cluster(data_dir=tmp_path) as cluster:
        again = (await ask(cluster, "GET", where)).body["data"]
        assert again["requestheader-client-ca-file"] == front  # the same authority
        assert again["client-ca-file"] == data["client-ca-file"]


def test_the_front_proxy_certificate_is_renewed_before_it_ends(tmp_path: Path) -> None:
    day = 86400
    start = 1_900_000_000.0
    first = ensure_front_proxy(tmp_path, start)
    content = first.certificate.read_bytes()
    assert ensure_front_proxy(tmp_path, start + 300 * day).certificate.read_bytes() == content
    renewed = ensure_front_proxy(tmp_path, start + 310 * day)
    assert renewed.certificate.read_bytes() != content
    assert renewed.ca == first.ca
    later = ensure_front_proxy(tmp_path, start + 3400 * day)
    assert later.ca.endswith(first.ca)  # the old authority is believed beside the new one
    assert later.ca.count(b"BEGIN CERTIFICATE") == 2
    first.key.unlink()
    assert ensure_front_proxy(tmp_path, start + 3400 * day).ca.count(b"BEGIN CERTIFICATE") == 1
