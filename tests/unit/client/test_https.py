import asyncio
import datetime
import ssl
from contextlib import aclosing

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from grappe.api.errors import ApiError
from grappe.base.errors import UserError
from grappe.client.https import HttpsTransport
from grappe.client.interface import TransportError
from grappe.client.settings import ConnectionSettings

from .http_server import Asked, chunked, http_server, whole


def transport_to(port: int, **kwargs) -> HttpsTransport:
    return HttpsTransport(ConnectionSettings(server=f"http://127.0.0.1:{port}"), **kwargs)


async def test_requests_after_one_another_share_a_connection():
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(whole(asked.line.encode()))

    async with http_server(answer) as server:
        transport = transport_to(server.port)
        for number in range(3):
            got = await transport.request("GET", f"/x/{number}", {"a": "b c&d"}, {}, b"")
            assert got.body == f"GET /x/{number}?a=b%20c%26d HTTP/1.1".encode()
        assert server.connections == 1
        await transport.close()


async def test_a_body_is_sent_with_its_length_and_headers():
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(whole(asked.body, "201 Created", "x-kind: Pod\r\n"))

    async with http_server(answer) as server:
        transport = transport_to(server.port)
        got = await transport.request("POST", "/x", {}, {"content-type": "text/plain"}, b"hello")
        assert (got.status, got.body, got.headers["x-kind"]) == (201, b"hello", "Pod")
        assert server.asked[0].headers["content-type"] == "text/plain"
        await transport.close()


async def test_the_path_of_the_server_url_comes_before_every_path():
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(whole(b"{}"))

    async with http_server(answer) as server:
        settings = ConnectionSettings(server=f"http://127.0.0.1:{server.port}/clusters/c1/")
        transport = HttpsTransport(settings)
        await transport.request("GET", "/api/v1/pods", {}, {}, b"")
        assert server.asked[0].line == "GET /clusters/c1/api/v1/pods HTTP/1.1"
        await transport.close()


async def test_a_get_on_a_connection_the_server_has_closed_is_sent_again():
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.line.startswith("GET /last") and server.connections == 1:
            writer.close()  # as if the idle time-out struck just now
        else:
            writer.write(whole(b"ok"))

    async with http_server(answer) as server:
        transport = transport_to(server.port)
        await transport.request("GET", "/first", {}, {}, b"")
        assert (await transport.request("GET", "/last", {}, {}, b"")).body == b"ok"
        assert server.connections == 2
        await transport.close()


async def test_a_write_is_never_sent_twice():
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if asked.line.startswith("POST"):
            writer.close()
        else:
            writer.write(whole(b"ok"))

    async with http_server(answer) as server:
        transport = transport_to(server.port)
        await transport.request("GET", "/first", {}, {}, b"")
        with pytest.raises(TransportError, match="closed"):
            await transport.request("POST", "/last", {}, {}, b"x")
        assert [a.line.split()[0] for a in server.asked] == ["GET", "POST"]
        await transport.close()


async def test_nobody_listening_is_a_transport_error_with_the_address():
    async with http_server(None) as server:  # type: ignore[arg-type]
        port = server.port
    with pytest.raises(TransportError, match=f"cannot connect to 127.0.0.1:{port}"):
        await transport_to(port).request("GET", "/", {}, {}, b"")


async def test_silence_is_a_transport_error_after_the_timeout():
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with http_server(answer) as server:
        transport = transport_to(server.port, timeout=0.05)
        with pytest.raises(TransportError, match="did not answer within"):
            await transport.request("GET", "/", {}, {}, b"")
        await transport.close()


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9\r\n", id="another protocol"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort", id="cut off"),
    ],
)
async def test_a_broken_answer_is_a_transport_error(sent: bytes):
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(sent)
        await writer.drain()
        writer.close()

    async with http_server(answer) as server:
        transport = transport_to(server.port)
        with pytest.raises(TransportError):
            await transport.request("GET", "/", {}, {}, b"")
        await transport.close()


async def test_an_answer_may_end_with_its_connection():
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nall of it")
        await writer.drain()
        writer.close()

    async with http_server(answer) as server:
        transport = transport_to(server.port)
        assert (await transport.request("GET", "/", {}, {}, b"")).body == b"all of it"
        await transport.close()


async def test_no_more_requests_at_once_than_the_limit():
    together: list[int] = []
    now = 0

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        nonlocal now
        now += 1
        together.append(now)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        now -= 1
        writer.write(whole(b""))

    async with http_server(answer) as server:
        transport = transport_to(server.port, limit=2)
        await asyncio.gather(*(transport.request("GET", "/", {}, {}, b"") for _ in range(10)))
        assert max(together) <= 2
        assert server.connections == 2
        await transport.close()


@given(lines=st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\n", b"")), max_size=8))
@settings(max_examples=25, deadline=None)
async def test_a_stream_gives_whole_lines_however_they_are_cut(lines: list[bytes]):
    text = b"".join(line + b"\n" for line in lines)

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        writer.write(chunked(*(text[i : i + 3] for i in range(0, len(text), 3))))
        writer.write(b"0\r\n\r\n")

    async with http_server(answer) as server:
        transport = transport_to(server.port)
        assert [line async for line in transport.stream("/", {}, {})] == lines
        await transport.close()


async def test_a_refused_stream_raises_the_servers_status():
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        body = b'{"kind":"Status","code":403,"reason":"Forbidden","message":"pods is forbidden"}'
        writer.write(whole(body, "403 Forbidden"))

    async with http_server(answer) as server:
        transport = transport_to(server.port)
        with pytest.raises(ApiError, match="pods is forbidden") as caught:
            async for _ in transport.stream("/", {}, {}):
                pass
        assert (caught.value.code, caught.value.reason) == (403, "Forbidden")
        await transport.close()


async def test_leaving_a_stream_closes_its_connection():
    closed = asyncio.Event()

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunked(b"one\n"))
        try:
            while not writer.is_closing():
                await asyncio.sleep(0.005)
                writer.write(chunked(b"more\n"))
                await writer.drain()
        finally:
            closed.set()

    async with http_server(answer) as server:
        transport = transport_to(server.port)
        async with aclosing(transport.stream("/", {}, {})) as lines:
            async for line in lines:
                assert line == b"one"
                break
        await asyncio.wait_for(closed.wait(), 5)
        await transport.close()


async def test_a_reader_that_is_slow_makes_the_server_wait_and_loses_nothing():
    size = 8 << 20

    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _ in range(size >> 16):
            writer.write(chunked(b"x" * 65535 + b"\n"))
            await writer.drain()
        writer.write(b"0\r\n\r\n")

    async with http_server(answer) as server:
        transport = transport_to(server.port)
        got = 0
        async for line in transport.stream("/", {}, {}):
            got += len(line) + 1
            await asyncio.sleep(0)
        assert got == size
        await transport.close()


async def test_a_token_file_is_sent_as_bearer_token(tmp_path):
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(whole(asked.headers["authorization"].encode()))

    token = tmp_path / "token"
    token.write_text("s3cret\n")
    async with http_server(answer) as server:
        settings = ConnectionSettings(server=f"http://127.0.0.1:{server.port}", token_file=token)
        transport = HttpsTransport(settings)
        assert (await transport.request("GET", "/", {}, {}, b"")).body == b"Bearer s3cret"
        assert "s3cret" not in repr(settings)
        await transport.close()


@pytest.mark.parametrize(
    "server", ["127.0.0.1:6443", "https://", "https://host:99999", "https://host:x", "https://[::1"]
)
def test_a_url_that_is_none_is_a_user_error(server: str):
    with pytest.raises(UserError, match="no URL of an API server"):
        HttpsTransport(ConnectionSettings(server=server))


# -- TLS ---------------------------------------------------------------------------------------


def certificate(name: str, issuer=None, *, ca: bool = False):
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0].subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(issuer[1] if issuer else key, hashes.SHA256())
    )
    return built, key


def pem(made) -> tuple[bytes, bytes]:
    cert, key = made
    return cert.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


async def test_tls_checks_the_server_and_shows_the_client_certificate(tmp_path):
    async def answer(asked: Asked, writer: asyncio.StreamWriter) -> None:
        subject = writer.get_extra_info("peercert")["subject"]
        writer.write(whole(dict(pair[0] for pair in subject)["commonName"].encode()))

    authority = certificate("test-ca", ca=True)
    (tmp_path / "server.pem").write_bytes(b"".join(pem(certificate("api.test", authority))))
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_tls.load_cert_chain(tmp_path / "server.pem")
    server_tls.load_verify_locations(cadata=pem(authority)[0].decode())
    server_tls.verify_mode = ssl.CERT_REQUIRED
    cert, key = pem(certificate("admin", authority))
    async with http_server(answer, server_tls) as server:
        trusted = ConnectionSettings(
            server=f"https://127.0.0.1:{server.port}",
            ca=pem(authority)[0],
            client_certificate=cert,
            client_key=key,
            tls_server_name="api.test",
        )
        transport = HttpsTransport(trusted)
        assert (await transport.request("GET", "/", {}, {}, b"")).body == b"admin"
        await transport.close()

        other = pem(certificate("other-ca", ca=True))[0]
        wary = HttpsTransport(
            ConnectionSettings(
                server=trusted.server, ca=other, client_certificate=cert, client_key=key
            )
        )
        with pytest.raises(TransportError, match="is not trusted"):
            await wary.request("GET", "/", {}, {}, b"")


def test_a_damaged_certificate_is_a_user_error():
    settings = ConnectionSettings(server="https://127.0.0.1:1", ca=b"not a certificate")
    with pytest.raises(UserError, match="cannot be used"):
        HttpsTransport(settings)
