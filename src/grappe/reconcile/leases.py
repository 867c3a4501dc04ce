"""Leader election over a Lease: of several copies of a program one works.

The rules and times of client-go's leaderelection: whoever sees the lease unchanged for its whole
duration, by the own clock, may take it (clocks of different machines are never compared).
https://kubernetes.io/docs/concepts/architecture/leases/#leader-election
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import LEASES
from grappe.base.clock import Clock, SystemClock, rfc3339_micro
from grappe.client.interface import Client, TransportError

log = logging.getLogger(__name__)


class LostLeaseError(Exception):
    """Leadership could not be renewed in time; the work was cancelled."""


@dataclass(frozen=True, slots=True)
class Observation:
    """A lease's record, and when this process first saw it so (its own clock, seconds)."""

    record: Object
    since: float


def decide(
    lease: Object | None, seen: Observation | None, identity: str, duration: int, now: float
) -> tuple[Observation | None, Object | None]:
    """What was observed, and the Lease spec to write: None when another holds it still."""
    stamp = rfc3339_micro(now)
    if lease is None:
        spec = {"acquireTime": stamp, "leaseTransitions": 0}
        return None, {**spec, **_held(identity, duration, stamp)}
    record: Object = lease.get("spec") or {}
    if seen is None or seen.record != record:
        seen = Observation(record, now)
    holder = record.get("holderIdentity") or ""
    if holder == identity:
        return seen, {**record, **_held(identity, duration, stamp)}
    if holder and now < seen.since + (record.get("leaseDurationSeconds") or duration):
        return seen, None
    transitions = int(record.get("leaseTransitions") or 0) + 1
    taken = {**record, **_held(identity, duration, stamp)}
    return seen, {**taken, "acquireTime": stamp, "leaseTransitions": transitions}


def _held(identity: str, duration: int, stamp: str) -> Object:
    return {"holderIdentity": identity, "leaseDurationSeconds": duration, "renewTime": stamp}


class LeaderElector:
    """Times in seconds, as client-go's defaults: a leader that cannot renew stops after
    `renew_deadline`, before others may take over after `lease_duration`."""

    def __init__(
        self,
        client: Client,
        namespace: str,
        name: str,
        identity: str,
        *,
        clock: Clock | None = None,
        lease_duration: int = 15,
        renew_deadline: float = 10.0,
        retry_period: float = 2.0,
    ) -> None:
        self._client = client
        self._namespace = namespace
        self._name = name
        self._identity = identity
        self._clock = clock or SystemClock()
        self._duration = lease_duration
        self._deadline = renew_deadline
        self._retry = retry_period
        self._seen: Observation | None = None
        self.leading = False

    async def run(self, work: Callable[[], Awaitable[None]]) -> None:
        """Wait for leadership, then run `work` under it; returns when `work` does.

        LostLeaseError when leadership is lost. Cancelled: gives the lease up at once.
        """
        while True:
            if await self._try():
                break
            await asyncio.sleep(self._retry * random.uniform(1.0, 2.2))
        self.leading = True
        log.info("%s leads %s/%s", self._identity, self._namespace, self._name)
        worker = asyncio.ensure_future(work())
        renewer = asyncio.create_task(self._renew(), name=f"lease {self._name}")
        try:
            await asyncio.wait({worker, renewer}, return_when=asyncio.FIRST_COMPLETED)
            if worker.done():
                await worker
            else:
                await renewer
        finally:
            self.leading = False
            for task in (worker, renewer):
                task.cancel()
            await asyncio.gather(worker, renewer, return_exceptions=True)
            with contextlib.suppress(ApiError, TransportError):
                await self._release()

    async def _renew(self) -> None:
        renewed = self._clock.now()
        while True:
            await asyncio.sleep(self._retry)
            if await self._try():
                renewed = self._clock.now()
            elif self._clock.now() - renewed > self._deadline:
                raise LostLeaseError(f"lost lease {self._namespace}/{self._name}")

    async def _try(self) -> bool:
        """One attempt to get or renew the lease."""
        try:
            lease = await self._read()
            now = self._clock.now()
            self._seen, spec = decide(lease, self._seen, self._identity, self._duration, now)
            if spec is None:
                return False
            if lease is None:
                meta = {"namespace": self._namespace, "name": self._name}
                body = {"apiVersion": LEASES.api_version, "kind": "Lease", "metadata": meta}
                written = await self._client.create(LEASES, {**body, "spec": spec})
            else:
                written = await self._client.update(LEASES, {**lease, "spec": spec})
            self._seen = Observation(written["spec"], now)
            return True
        except (ApiError, TransportError) as error:
            log.debug("lease %s/%s: %s", self._namespace, self._name, error)
            return False

    async def _read(self) -> Object | None:
        try:
            return await self._client.get(LEASES, self._name, self._namespace)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    async def _release(self) -> None:
        lease = await self._read()
        if lease is None or lease["spec"].get("holderIdentity") != self._identity:
            return
        spec = {**lease["spec"], "holderIdentity": "", "leaseDurationSeconds": 1}
        await self._client.update(LEASES, {**lease, "spec": spec})
