"""Tokens from a program, as kubeconfigs of EKS, GKE, AKS and OIDC logins have it.

https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson

from grappe.base.clock import parse_rfc3339
from grappe.client.interface import TransportError

_TIMEOUT = 60.0
_EARLY = 30.0
"""Seconds before its end at which a token is replaced."""


@dataclass(frozen=True, slots=True)
class ExecPlugin:
    """`users[].user.exec`. It is never given a terminal."""

    command: str
    arguments: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_version: str = "client.authentication.k8s.io/v1"
    hint: str = ""


class ExecToken:
    """Runs the program when a token is needed and keeps what it says for as long as it is good."""

    def __init__(self, plugin: ExecPlugin) -> None:
        self._plugin = plugin
        self._token = ""
        self._until = 0.0
        self._lock = asyncio.Lock()

    async def get(self) -> str:
        """TransportError says why there is none."""
        async with self._lock:
            if not self._token or time.time() >= self._until:
                self._token, self._until = self._read(await self._run())
            return self._token

    def forget(self) -> None:
        """The server has refused it: ask the program the next time."""
        self._token = ""

    async def _run(self) -> bytes:
        plugin = self._plugin
        asked = {
            "apiVersion": plugin.api_version,
            "kind": "ExecCredential",
            "spec": {"interactive": False},
        }
        information = {"KUBERNETES_EXEC_INFO": orjson.dumps(asked).decode()}
        try:
            process = await asyncio.create_subprocess_exec(
                plugin.command,
                *plugin.arguments,
                env={**os.environ, **plugin.environment, **information},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
            )
        except OSError as error:
            raise self._failed(error.strerror or str(error)) from error
        try:
            async with asyncio.timeout(_TIMEOUT):
                out, _ = await process.communicate()
        except TimeoutError:
            raise self._failed(f"it took longer than {_TIMEOUT:g} s") from None
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            raise self._failed(f"it ended with code {process.returncode}")
        return out

    def _read(self, out: bytes) -> tuple[str, float]:
        try:
            status = orjson.loads(out)["status"]
            token = str(status.get("token") or "")
            end = status.get("expirationTimestamp")
            until = parse_rfc3339(end) - _EARLY if end else float("inf")
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
            raise self._failed("its answer is no ExecCredential") from None
        if not token:
            raise self._failed("it gives no token (client certificates are not supported)")
        return token, until

    def _failed(self, why: str) -> TransportError:
        hint = f" ({self._plugin.hint})" if self._plugin.hint else ""
        return TransportError(f"credential program {self._plugin.command}: {why}{hint}")
