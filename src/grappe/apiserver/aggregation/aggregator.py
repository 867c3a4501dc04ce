"""Aggregation, put together for the server."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from grappe.api.errors import ApiError
from grappe.api.resources import Resource
from grappe.apiserver.aggregation.authentication import authentication_data, publish
from grappe.apiserver.aggregation.availability import CHECK_SECONDS, Availability
from grappe.apiserver.aggregation.documents import Documents
from grappe.apiserver.aggregation.local import LocalServices
from grappe.apiserver.aggregation.proxying import Proxy
from grappe.apiserver.aggregation.services import ApiServices, Moved
from grappe.apiserver.aggregation.target import Targets
from grappe.apiserver.discovery.remote import RemoteVersion
from grappe.apiserver.http.messages import Answer, Request, User
from grappe.apiserver.loopback import Loopback
from grappe.apiserver.outbound.caller import Caller
from grappe.apiserver.outbound.services import Services
from grappe.apiserver.pki import Pki
from grappe.apiserver.pki.front_proxy import FrontProxy, ensure_front_proxy
from grappe.apiserver.registry.interface import RequestInfo
from grappe.base.clock import Clock
from grappe.store.interface import Store

log = logging.getLogger("grappe.apiserver.aggregation")

_OPENAPI = "/openapi/v3"


class Aggregator:
    """`start` before the first request, `settle` once there is a handler to write through."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        pki: Pki,
        caller: Caller,
        custom: Callable[[], Iterable[Resource]],
        moved: Moved,
    ) -> None:
        """`custom` gives the custom resources served now; `moved` is told which group versions
        other servers answer, also where this one could."""
        self._store = store
        self._moved = moved
        self._pki = pki
        self._front: FrontProxy | None = None
        self._services = ApiServices(store)
        targets = Targets(Services(store), self._front_proxy)
        self._documents = Documents(self._services, caller)
        self._availability = Availability(store, clock, self._services, targets, self._documents)
        self._local = LocalServices(store, custom)
        self._proxy = Proxy(targets, caller)
        self._keeping: asyncio.Task[None] | None = None

    @property
    def generation(self) -> int:
        """Changes whenever what others answer does."""
        return self._services.generation + self._documents.generation

    def remote(self) -> list[RemoteVersion]:
        return self._documents.remote()

    def start(self) -> None:
        self._services.start()

    async def settle(self, loopback: Loopback) -> None:
        """From now on keep APIServices, and what extension servers need to know, true. Not before
        are group versions given to others: what every cluster has is made here."""
        await self._publish(loopback)
        await self._local.start(loopback)
        self._services.on_move(self._moved)
        self._availability.start(loopback)
        self._keeping = asyncio.get_running_loop().create_task(
            self._keep(loopback), name="extension authentication"
        )

    async def stop(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self._availability.stop()
        await self._local.stop()
        self._services.stop()

    async def _keep(self, loopback: Loopback) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            await self._publish(loopback)

    async def _publish(self, loopback: Loopback) -> None:
        """A disk, or an admission policy, that refuses is no reason not to serve."""
        try:
            self._front = ensure_front_proxy(self._pki.directory)
            data = authentication_data(self._pki.ca_certificate.read_bytes(), self._front.ca)
            await publish(self._store, loopback, data)
        except (ApiError, OSError):
            log.exception("cannot tell extension API servers whom to trust; trying again later")

    def _front_proxy(self) -> FrontProxy:
        if self._front is None:
            self._front = ensure_front_proxy(self._pki.directory)
        return self._front

    def answer(
        self, request: Request, user: User, info: RequestInfo
    ) -> Answer | Awaitable[Answer] | None:
        """What another server answers to a request that nobody here does; None: nobody does."""
        group, version = info.group, info.version
        if not info.resource_request:
            named = _named(info.path)
            if named is None:
                return None
            group, version = named
        service = self._services.find(group, version)
        return None if service is None else self._proxy.answer(service, request, user)


def _named(path: str) -> tuple[str, str] | None:
    """The group version that a path without a resource is about."""
    match path.rstrip("/").removeprefix(_OPENAPI).split("/"):
        case ["", "apis", group, version]:
            return group, version
        case ["", "api", version]:
            return "", version
        case ["", "api"]:  # who answers the legacy group answers for all of it
            return "", "v1"
    return None
