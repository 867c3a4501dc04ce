"""Sends audit events to a webhook, in batches, while requests go on.

Kubernetes' mode `batch`: what cannot be sent is tried again, at longer and longer intervals, and
given up in the end; what there is no room for is dropped. Both are counted in `lost`.
https://kubernetes.io/docs/tasks/debug/debug-cluster/audit/#webhook-backend
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

from grappe.apiserver.audit.webhook_config import WebhookConfig
from grappe.apiserver.outbound.caller import Caller, Target
from grappe.apiserver.outbound.connection import CallError
from grappe.apiserver.outbound.tls import Trust
from grappe.apiserver.pki.files import write_private

log = logging.getLogger("grappe.apiserver.audit")

BUFFERED = 10_000
"""Events that wait, and `_BUFFERED_BYTES` of them; more are dropped."""
_BUFFERED_BYTES = 64 * 1024 * 1024
_BATCH = 400
_BATCH_BYTES = 4 * 1024 * 1024
_GATHER = 1.0  # seconds until a batch that is not full is sent
_ATTEMPTS = 5
_FACTOR, _JITTER = 1.5, 0.2
_SECONDS = 30
"""How long an attempt may take."""
_LAST_SECONDS = 5
"""The same, when the server stops."""
_ANSWER = 64 * 1024  # bytes of an answer that are read
_HEAD = b'{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":['
_ITEM_TYPE = b'"kind":"Event","apiVersion":"audit.k8s.io/v1",'
"""What an item of a list does not say of itself."""


class AuditWebhook:
    """`add` takes events; they are sent from `start` to `stop`. `first_delay` is the time in
    seconds until the second attempt."""

    def __init__(
        self, config: WebhookConfig, caller: Caller, directory: Path, first_delay: float = 10.0
    ) -> None:
        """`directory` is where the client certificate is kept that is shown to the webhook."""
        self._config = config
        self._caller = caller
        self._first_delay = first_delay
        self._waiting: deque[bytes] = deque()
        self._bytes = 0
        self.lost = 0
        self._full = asyncio.Event()
        self._some = asyncio.Event()
        self._failing = False
        self._task: asyncio.Task[None] | None = None
        url = urlsplit(config.url)
        host, port = url.hostname or "", url.port or 443
        self._path = f"{url.path or '/'}?timeout={_SECONDS}s"
        trust = _trust(config, directory)
        self._target = Target(host, port, config.server_name or host, url.netloc, trust)

    def add(self, lines: Iterable[bytes]) -> None:
        """More events, each a line of the log."""
        for line in lines:
            if len(self._waiting) >= BUFFERED or self._bytes + len(line) > _BUFFERED_BYTES:
                self._lose(1, "its buffer is full")
                continue
            self._waiting.append(line)
            self._bytes += len(line)
        self._some.set()
        if len(self._waiting) >= _BATCH or self._bytes >= _BATCH_BYTES:
            self._full.set()

    def start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._run(), name="audit webhook")

    async def stop(self) -> None:
        """After one last attempt to send what waits."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        batch: list[bytes] = []
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                while self._waiting:
                    batch = self._next()
                    await self._send(batch)
        except (CallError, TimeoutError) as error:
            self._lose(len(batch) + len(self._waiting), str(error) or "it is too slow")
            self._waiting.clear()

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            try:
                async with asyncio.timeout(_GATHER):
                    await self._full.wait()
            except TimeoutError:
                pass
            self._some.clear()
            self._full.clear()
            while self._waiting:
                await self._deliver(self._next())

    def _next(self) -> list[bytes]:
        """The events of one batch, no longer waiting."""
        found: list[bytes] = []
        size = 0
        while self._waiting and len(found) < _BATCH and size < _BATCH_BYTES:
            line = self._waiting.popleft()
            size += len(line)
            found.append(line)
        self._bytes -= size
        return found

    async def _deliver(self, batch: list[bytes]) -> None:
        """Send it, or lose it after the last attempt."""
        delay = self._first_delay
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                await self._send(batch)
            except CallError as error:
                if attempt == _ATTEMPTS:
                    self._lose(len(batch), str(error))
                    return
                self._complain(str(error))
            except asyncio.CancelledError:
                self._waiting.extendleft(reversed(batch))  # for the last attempt
                raise
            else:
                self._recovered()
                return
            try:
                await asyncio.sleep(delay * (1 + random.random() * _JITTER))
            except asyncio.CancelledError:
                self._waiting.extendleft(reversed(batch))
                raise
            delay *= _FACTOR

    async def _send(self, batch: list[bytes]) -> None:
        body = _HEAD + b",".join(_item(line) for line in batch) + b"]}"
        headers = [("content-type", "application/json"), ("accept", "application/json, */*")]
        authorization = self._authorization()
        if authorization:
            headers.append(("authorization", authorization))
        head, _ = await self._caller.ask(
            self._target, "POST", self._path, headers, body, timeout=_SECONDS, limit=_ANSWER
        )
        if not 200 <= head.status < 300:
            raise CallError(f"it answered with the status code {head.status}")

    def _authorization(self) -> str:
        file = self._config.token_file
        if file is None:
            return self._config.authorization
        try:
            return f"Bearer {file.read_text().strip()}"
        except (OSError, ValueError):
            raise CallError(f"{file} cannot be read") from None

    def _lose(self, events: int, why: str) -> None:
        self.lost += events
        self._complain(why)

    def _complain(self, why: str) -> None:
        if not self._failing:
            log.warning("the audit webhook %s fails: %s", self._config.url, why)
        self._failing = True

    def _recovered(self) -> None:
        if self._failing:
            log.info("the audit webhook %s answers again", self._config.url)
        self._failing = False


def _item(line: bytes) -> bytes:
    return b"{" + line[1:].removeprefix(_ITEM_TYPE).rstrip(b"\n")


def _trust(config: WebhookConfig, directory: Path) -> Trust:
    if not config.certificate:
        return Trust(config.ca, config.verified)
    # TLS takes certificates from files only.
    file = directory / "audit-webhook-client.pem"
    write_private(file, config.certificate.rstrip(b"\n") + b"\n" + config.key)
    written = file.stat().st_mtime_ns
    return Trust(config.ca, config.verified, file, None, written)
