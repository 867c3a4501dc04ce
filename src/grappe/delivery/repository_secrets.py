"""The Secrets that hold credentials of repositories, in Argo CD's namespace."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from grappe.api import Object
from grappe.api.resources import SECRETS
from grappe.client.informer import Informer
from grappe.client.interface import Client
from grappe.delivery.application import CONTROL_NAMESPACE
from grappe.delivery.sources.credentials import (
    SECRET_TYPE,
    Credentials,
    RepositorySecret,
    choose,
    read_secret,
)

_PATIENCE = 5.0


class RepositorySecrets:
    """Follows the Secrets; where they may not be read, there are none."""

    def __init__(self, client: Client) -> None:
        self._informer = Informer(client, SECRETS, CONTROL_NAMESPACE, label_selector=SECRET_TYPE)
        self._read: dict[str, RepositorySecret] = {}
        self._informer.add_handler(self._on_change)
        self._handlers: list[Callable[[], None]] = []

    def add_handler(self, handler: Callable[[], None]) -> None:
        """Call this when credentials have changed."""
        self._handlers.append(handler)

    def credentials(self, url: str) -> Credentials | None:
        """Those for a repository's URL, if there are any."""
        return choose(self._read.values(), url)

    async def run(self) -> None:
        await self._informer.run()

    async def first_list(self) -> None:
        """Wait until the Secrets are known, or it is clear that they cannot be."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._informer.tried.wait()

    def _on_change(self, event_type: str, obj: Object, old: Object | None) -> None:
        name = obj["metadata"]["name"]
        found = read_secret(obj) if event_type != "DELETED" else None
        if found is not None:
            self._read[name] = found
        else:
            self._read.pop(name, None)
        for handler in self._handlers:
            handler()
