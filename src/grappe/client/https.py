"""The Transport that reaches an API server over HTTPS (or HTTP, as with `kubectl proxy`)."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import time
from collections.abc import AsyncIterator, Callable, Mapping
from urllib.parse import SplitResult, quote, urlencode, urlsplit

from grappe.base.errors import UserError
from grappe.client.connection import Connection, open_connection
from grappe.client.exec_credentials import ExecToken
from grappe.client.interface import Answer, TransportError
from grappe.client.settings import ConnectionSettings
from grappe.client.status import error_of

log = logging.getLogger("grappe.client")

_TOKEN_FILE_SECONDS = 60.0
_RENEWAL_SECONDS = 10.0


class HttpsTransport:
    """Keeps idle connections for the next request; each stream has a connection of its own.

    `limit` bounds the requests under way at once (streams not counted); more wait their turn.
    `timeout` is in seconds, for one whole answer, and for the head of a stream.
    """

    def __init__(
        self,
        settings: ConnectionSettings,
        *,
        limit: int = 32,
        timeout: float = 30.0,
        renewed: Callable[[], ConnectionSettings | None] | None = None,
    ) -> None:
        """`renewed` is asked now and then for settings that have replaced those given."""
        self._timeout = timeout
        self._slots = asyncio.Semaphore(limit)
        self._closed = False
        self._idle: list[Connection] = []
        self._renewed = renewed
        self._looked = time.monotonic()
        self._use(settings)

    def _use(self, settings: ConnectionSettings) -> None:
        """Make new connections by these settings."""
        url = _split(settings.server)
        self._tls = _tls_context(settings) if url.scheme == "https" else None
        self._settings = settings
        self._host = url.hostname or ""
        self._port = url.port or (443 if url.scheme == "https" else 80)
        self._authority = url.netloc.rpartition("@")[2]
        self._prefix = url.path.rstrip("/")
        plugin = settings.exec_plugin
        self._exec_token = ExecToken(plugin) if plugin is not None else None
        self._token = settings.token
        self._token_read = float("-inf")
        for connection in self._idle:
            connection.close()
        self._idle = []  # another list: what is under way comes back to the old one

    def _look_for_renewal(self) -> None:
        """Take over settings that have changed: certificates end, long before processes do."""
        if self._renewed is None or time.monotonic() - self._looked < _RENEWAL_SECONDS:
            return
        self._looked = time.monotonic()
        try:
            settings = self._renewed()
            if settings is not None:
                self._use(settings)
        except UserError as error:
            log.warning("the kubeconfig has changed and cannot be used: %s", error.message)

    async def request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        """One request, one whole answer, whatever its status; TransportError when none came."""
        self._look_for_renewal()
        target, sent = self._target(path, query), await self._headers(headers)
        async with self._slots:
            try:
                async with asyncio.timeout(self._timeout):
                    answer = await self._exchange(method, target, sent, body)
                    self._note_refusal(answer.status)
                    return answer
            except TimeoutError:
                raise TransportError(
                    f"{self._authority} did not answer within {self._timeout:g} s"
                ) from None

    async def stream(
        self, path: str, query: Mapping[str, str], headers: Mapping[str, str]
    ) -> AsyncIterator[bytes]:
        """GET, then yield whole lines without their line feeds until the server ends it."""
        connection: Connection | None = None
        self._look_for_renewal()
        target, sent = self._target(path, query), await self._headers(headers)
        try:
            try:
                async with asyncio.timeout(self._timeout):
                    connection = await self._connect()
                    head = await connection.send("GET", target, sent)
                    if head.status != 200:
                        self._note_refusal(head.status)
                        raise error_of(head.status, await connection.read_all())
            except TimeoutError:
                raise TransportError(
                    f"{self._authority} did not answer within {self._timeout:g} s"
                ) from None
            rest: list[bytes] = []
            while piece := await connection.read():
                first, *others = piece.split(b"\n")
                rest.append(first)
                if others:
                    yield b"".join(rest)
                    for line in others[:-1]:
                        yield line
                    rest = [others[-1]]
            if last := b"".join(rest):
                yield last
        finally:
            if connection is not None:
                connection.close()

    async def close(self) -> None:
        """Close idle connections; those in use end with their exchange."""
        self._closed = True
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    # -- within --------------------------------------------------------------------------
    async def _exchange(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        connection = self._take_idle()
        if connection is not None:
            try:
                return await self._exchange_on(connection, method, target, headers, body)
            except TransportError:
                # The server may have closed an idle connection just as we used it. Only a read
                # may be repeated: of a write we cannot know whether it happened.
                if method != "GET":
                    raise
        return await self._exchange_on(await self._connect(), method, target, headers, body)

    async def _exchange_on(
        self,
        connection: Connection,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes,
    ) -> Answer:
        idle = self._idle
        try:
            head = await connection.send(method, target, headers, body)
            answer = Answer(head.status, head.headers, await connection.read_all())
        except BaseException:
            connection.close()
            raise
        if connection.reusable and not self._closed and idle is self._idle:
            idle.append(connection)
        else:
            connection.close()
        return answer

    def _take_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable:
                return connection
            connection.close()
        return None

    async def _connect(self) -> Connection:
        if self._closed:
            raise TransportError("the client is closed")
        try:
            return await open_connection(
                self._host, self._port, self._tls, server_name=self._settings.tls_server_name
            )
        except TransportError:
            self._looked = float("-inf")  # perhaps what we trust or show has ended
            raise

    def _target(self, path: str, query: Mapping[str, str]) -> str:
        if not query:
            return self._prefix + path
        return f"{self._prefix}{path}?{urlencode(query, quote_via=quote)}"

    async def _headers(self, given: Mapping[str, str]) -> dict[str, str]:
        headers = {"host": self._authority, "user-agent": "grappe", **given}
        if self._exec_token is not None:
            token = await self._exec_token.get()
        else:
            token = self._current_token()
        if token:
            headers["authorization"] = f"Bearer {token}"
        return headers

    def _note_refusal(self, status: int) -> None:
        if status == 401 and self._exec_token is not None:
            self._exec_token.forget()

    def _current_token(self) -> str:
        path = self._settings.token_file
        if path is not None and time.monotonic() - self._token_read > _TOKEN_FILE_SECONDS:
            try:
                self._token = path.read_text().strip()
                self._token_read = time.monotonic()
            except OSError as error:
                if not self._token:
                    raise TransportError(f"token file {path}: {error.strerror}") from error
        return self._token


def _split(server: str) -> SplitResult:
    """The parts of the server's URL; UserError when it is none."""
    try:
        url = urlsplit(server)
        if url.scheme in ("https", "http") and url.hostname and url.port != 0:
            return url
    except ValueError:  # a port that is none, an address in brackets that is none
        pass
    raise UserError(
        f"{server!r} is no URL of an API server", "it should look like https://HOST:PORT"
    )


def _tls_context(settings: ConnectionSettings) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    try:
        if settings.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        elif settings.ca is not None:
            # As in Go: an intermediate authority, or the server's own certificate, will do.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
            context.load_verify_locations(cadata=settings.ca.decode("ascii"))
        else:
            context.load_default_certs()
        if settings.client_certificate is not None and settings.client_key is not None:
            _load_client_certificate(context, settings.client_certificate, settings.client_key)
    except (ssl.SSLError, ValueError) as error:
        raise UserError(
            f"the certificates for {settings.server} cannot be used: {error}",
            "write the kubeconfig anew",
        ) from error
    return context


def _load_client_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """OpenSSL wants a file; one in memory keeps the key off the disk."""
    descriptor = os.memfd_create("client-certificate")
    try:
        with os.fdopen(os.dup(descriptor), "wb") as file:
            file.write(certificate.rstrip() + b"\n" + key)
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)
