"""Follows Services, EndpointSlices and pods with host ports, and keeps the kernel's table true.

Changes are gathered for a few milliseconds and done as one transaction. Whatever went wrong with
one, or whoever else wrote into the namespace's nftables, is mended by writing the whole table,
which is one transaction too and disturbs no connection.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from grappe.api import Object
from grappe.client.informer import EventType, Informer, until_synced
from grappe.network.nft import Nft, NftError
from grappe.network.services import conntrack, ruleset
from grappe.network.services.endpoints import service_of
from grappe.network.services.render import (
    Elements,
    NodeFacts,
    host_port_elements,
    service_elements,
)
from grappe.network.services.table import Table

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.01
VERIFY_SECONDS = 10.0
RETRY_SECONDS = 1.0

Forget = Callable[[Iterable[conntrack.StaleFlows]], Awaitable[None]]


class ServiceProxy:
    """`slices` must be indexed by `service` (see `network.informers`); `pods` hold those with host
    ports on this node. `nft` lives in the node's namespace, and so does this process."""

    def __init__(
        self,
        services: Informer,
        slices: Informer,
        pods: Informer,
        *,
        node: NodeFacts,
        service_cidr: str,
        nft: Nft,
        forget: Forget = conntrack.forget,
    ) -> None:
        self._services = services
        self._slices = slices
        self._pods = pods
        self._node = node
        self._service_cidr = service_cidr
        self._nft = nft
        self._forget = forget
        self._table = Table()
        self._chains: set[str] = set()
        self._undisturbed = -1
        self._dirty: set[tuple[str, str, str]] = set()
        self._wake = asyncio.Event()
        self.programmed = asyncio.Event()
        """Set while the kernel holds all that is known."""

    async def run(self) -> None:
        """Until cancelled. The table stays when this ends: connections outlive the agent."""
        self._services.add_handler(self._service_changed)
        self._slices.add_handler(self._slice_changed)
        self._pods.add_handler(self._pod_changed)
        await until_synced(self._services, self._slices, self._pods)
        while True:
            try:
                await self._apply()
                pause = VERIFY_SECONDS
            except NftError as error:
                log.error("services could not be programmed, trying again: %s", error)
                self._undisturbed = -1
                pause = RETRY_SECONDS
            try:
                async with asyncio.timeout(pause):
                    await self._wake.wait()
                await asyncio.sleep(GATHER_SECONDS)
            except TimeoutError:
                pass

    # -- what changed ------------------------------------------------------------------------
    def _mark(self, kind: str, namespace: str, name: str) -> None:
        self._dirty.add((kind, namespace, name))
        self.programmed.clear()
        self._wake.set()

    def _service_changed(self, _type: EventType, service: Object, _old: Object | None) -> None:
        meta = service["metadata"]
        self._mark("service", meta.get("namespace", ""), meta["name"])

    def _slice_changed(self, _type: EventType, slice_: Object, old: Object | None) -> None:
        for version in (slice_, old):
            if version is not None and (owner := service_of(version)) is not None:
                self._mark("service", *owner)

    def _pod_changed(self, _type: EventType, pod: Object, _old: Object | None) -> None:
        meta = pod["metadata"]
        self._mark("pod", meta.get("namespace", ""), meta["name"])

    def _part(self, kind: str, namespace: str, name: str) -> Elements:
        if kind == "pod":
            pod = self._pods.get(namespace, name)
            return host_port_elements(pod, self._node) if pod else {}
        service = self._services.get(namespace, name)
        if service is None:
            return {}
        slices = self._slices.by_index("service", f"{namespace}/{name}")
        return service_elements(service, slices, self._node)

    # -- writing it --------------------------------------------------------------------------
    async def _apply(self) -> None:
        self._wake.clear()
        dirty, self._dirty = self._dirty, set()
        changes = self._table.update({"/".join(key): self._part(*key) for key in dirty})
        if self._nft.disturbances() != self._undisturbed:
            self._write_everything()
        elif changes:
            try:
                self._nft.run(ruleset.transaction(changes, self._chains))
                self._chains |= ruleset.chains_of(ruleset.added_by(changes))
            except NftError as error:
                log.warning("a change of services was refused, writing all of them: %s", error)
                self._write_everything()
        self._undisturbed = self._nft.disturbances()
        if not self._dirty:
            self.programmed.set()
        if stale := conntrack.stale_flows(changes):
            await self._forget(stale)

    def _write_everything(self) -> None:
        if self._undisturbed != -1:
            log.info("writing the whole service table")
        text = ruleset.whole(
            self._table.elements,
            service_cidr=self._service_cidr,
            own_addresses=sorted(self._node.own_addresses),
        )
        try:
            self._nft.run_apart(text)
        except NftError:
            # Someone made a table of that name with other contents, or half of ours is in the way.
            table = ruleset.TABLE
            self._nft.run_apart(f"add table {table}\ndelete table {table}\n{text}")
        self._chains = ruleset.chains_of(self._table.elements)
