"""One webhook as its `clientConfig` says, and the questions put to it.

https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#contacting-the-webhook
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.apiserver.outbound.caller import Caller, Target
from grappe.apiserver.outbound.connection import CallError
from grappe.apiserver.outbound.services import Services
from grappe.apiserver.outbound.tls import Trust

_SHOWN = 2048
"""Characters of a failing webhook's answer that are told."""


@dataclass(frozen=True, slots=True)
class ClientConfig:
    """Where a webhook is: at an address (`host` is set), or at a Service."""

    path: str
    ca: bytes
    host: str = ""
    port: int = 443
    namespace: str = ""
    service: str = ""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> ClientConfig:
        """From a `clientConfig`, valid as it is stored; ValueError otherwise."""
        try:
            ca = base64.b64decode(config.get("caBundle") or "")
        except (binascii.Error, ValueError):
            raise ValueError("caBundle is not base64") from None
        service = config.get("service")
        if service is not None:
            path = service.get("path") or "/"
            return cls(
                path if path.startswith("/") else f"/{path}",
                ca,
                port=service.get("port") or 443,
                namespace=service.get("namespace") or "",
                service=service.get("name") or "",
            )
        url = urlsplit(config.get("url") or "")
        if url.scheme != "https" or not url.hostname:
            raise ValueError("url is no https address")
        return cls(url.path or "/", ca, host=url.hostname, port=url.port or 443)

    @property
    def authority(self) -> str:
        name = self.host or f"{self.service}.{self.namespace}.svc"
        return f"[{name}]:{self.port}" if ":" in name else f"{name}:{self.port}"


class Webhooks:
    """Asks webhooks."""

    def __init__(self, caller: Caller, services: Services) -> None:
        self._caller = caller
        self._services = services

    async def ask(self, config: ClientConfig, question: Object, timeout: float, limit: int) -> Any:
        """The JSON of the answer to a POST of `question`; CallError says why there is none."""
        told = f"{timeout:g}s"
        path = f"{config.path}?timeout={told}"
        where = f'Post "https://{config.authority}{path}": '
        try:
            target = self._target(config)
            head, body = await self._caller.post(
                target, path, orjson.dumps(question), timeout=timeout, limit=limit
            )
        except ApiError as error:
            raise CallError(where + error.message) from error
        except CallError as error:
            raise CallError(where + str(error)) from error
        if not 200 <= head.status < 300:
            raise CallError(_refused(head.status, body))
        try:
            return orjson.loads(body)
        except ValueError as error:
            raise CallError(f"couldn't get version/kind; json parse error: {error}") from None

    def _target(self, config: ClientConfig) -> Target:
        if config.host:
            host = config.host
            return Target(host, config.port, host, config.authority, Trust(config.ca))
        host, port = self._services.resolve(config.namespace, config.service, config.port)
        name = f"{config.service}.{config.namespace}.svc"
        return Target(host, port, name, config.authority, Trust(config.ca))


def _refused(status: int, body: bytes) -> str:
    """What client-go makes of an answer that is no success."""
    if status == 404:
        return "the server could not find the requested resource"
    text = body[:_SHOWN].decode(errors="replace").strip() or "unknown"
    if status >= 500:
        return f'an error on the server ("{text}") has prevented the request from succeeding'
    return f"the server responded with the status code {status} but did not return more information"
