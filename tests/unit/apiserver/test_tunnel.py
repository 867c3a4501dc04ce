import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from grappe.api.errors import ApiError
from grappe.apiserver.http.messages import Request
from grappe.apiserver.http.peer import certificate_of
from grappe.apiserver.pki import Pki, ensure, kubelet_client_context
from grappe.apiserver.tunnel import kubelet_tunnel, request_head
from grappe.base.config import ClusterConfig


def request(method: str = "GET", body: bytes = b"", **headers: str) -> Request:
    return Request(method, "/x", "", {k.replace("_", "-"): v for k, v in headers.items()}, body)


def head_of(asked: Request) -> list[str]:
    text = request_head("10.0.0.1:10250", "/exec/a/b/c?command=ls", asked).decode()
    assert text.endswith("\r\n\r\n")
    return text.rstrip().split("\r\n")


def test_a_plain_request_is_passed_on_and_closes_after_its_answer() -> None:
    assert head_of(request(accept="text/plain", host="apiserver", connection="keep-alive")) == [
        "GET /exec/a/b/c?command=ls HTTP/1.1",
        "Host: 10.0.0.1:10250",
        "accept: text/plain",
        "Connection: close",
    ]


def test_an_upgrade_keeps_its_handshake() -> None:
    lines = head_of(
        request(
            connection="keep-alive, Upgrade",
            upgrade="websocket",
            sec_websocket_key="abc",
            sec_websocket_protocol="v5.channel.k8s.io",
        )
    )
    assert lines[2:] == [
        "sec-websocket-key: abc",
        "sec-websocket-protocol: v5.channel.k8s.io",
        "Connection: Upgrade",
        "Upgrade: websocket",
    ]


def test_who_the_client_is_stays_here() -> None:
    lines = head_of(
        request(
            authorization="Bearer secret",
            cookie="secret",
            impersonate_user="secret",
            impersonate_extra_scopes="secret",
            x_remote_user="secret",
            sec_websocket_protocol=(
                "base64url.bearer.authorization.k8s.io.secret, v4.channel.k8s.io"
            ),
        )
    )
    assert "secret" not in "".join(lines)
    assert "sec-websocket-protocol: v4.channel.k8s.io" in lines


def test_a_body_goes_along_with_its_length() -> None:
    assert head_of(request("POST", b"12345", content_length="99"))[-1] == "Content-Length: 5"


@pytest.mark.parametrize("path", ["/a b", "/a\r\nEvil: 1", "/a\x00"])
def test_a_path_cannot_smuggle_headers(path: str) -> None:
    with pytest.raises(ApiError) as caught:
        kubelet_tunnel(ssl.create_default_context(), "h", 1, path, request())
    assert caught.value.code == 400


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    return ensure(ClusterConfig("test", tmp_path, 6443))


@pytest.fixture
async def kubelet(pki: Pki) -> AsyncIterator[tuple[int, list[object]]]:
    """A kubelet server that wants a certificate, says who came and what was asked."""
    seen: list[object] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(certificate_of(writer.get_extra_info("ssl_object")))
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nlog")
        writer.close()

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pki.certificate("kubelet"), pki.key("kubelet"))
    tls.load_verify_locations(pki.ca_certificate)
    tls.verify_mode = ssl.CERT_REQUIRED
    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    yield server.sockets[0].getsockname()[1], seen
    server.close()


async def test_the_node_sees_the_api_servers_certificate(
    pki: Pki, kubelet: tuple[int, list[object]]
) -> None:
    port, seen = kubelet
    tunnel = kubelet_tunnel(kubelet_client_context(pki), "127.0.0.1", port, "/pods", request())
    reader, writer, first = await tunnel.connect()
    writer.write(first)
    assert (await reader.read()).endswith(b"log")
    assert seen[0] == ("kube-apiserver-kubelet-client", ("system:masters",))
    assert seen[1] == first
    writer.close()


async def test_a_node_that_does_not_answer(pki: Pki) -> None:
    tunnel = kubelet_tunnel(kubelet_client_context(pki), "127.0.0.1", 1, "/pods", request())
    with pytest.raises(ApiError) as caught:
        await tunnel.connect()
    assert caught.value.code == 500
    assert (
        caught.value.message
        == "error dialing backend: dial tcp 127.0.0.1:1: connect: connection refused"
    )


async def test_a_node_with_a_foreign_certificate_is_not_trusted(
    pki: Pki, kubelet: tuple[int, list[object]], tmp_path: Path
) -> None:
    other = ensure(ClusterConfig("other", tmp_path / "other", 6443))
    tunnel = kubelet_tunnel(
        kubelet_client_context(other), "127.0.0.1", kubelet[0], "/pods", request()
    )
    with pytest.raises(ApiError, match="error dialing backend: tls"):
        await tunnel.connect()
