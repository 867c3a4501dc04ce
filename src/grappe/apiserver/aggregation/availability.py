"""The condition Available of APIServices: whether who should answer does.

Checks run when an APIService, its Service or its endpoints change, and every 30 seconds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from functools import partial
from typing import NamedTuple

from grappe.api import Object
from grappe.api.causes import quote
from grappe.api.errors import ApiError
from grappe.api.resources import ENDPOINT_SLICES, SERVICES
from grappe.apiserver.aggregation.documents import Documents
from grappe.apiserver.aggregation.services import API_SERVICES, ApiService, ApiServices
from grappe.apiserver.aggregation.target import Targets
from grappe.apiserver.loopback import Loopback
from grappe.apiserver.outbound.connection import CallError
from grappe.apiserver.outbound.services import ready_endpoints, service_port, slices_of
from grappe.apiserver.records import body_of
from grappe.apiserver.registry.strategies.api_services import LOCAL
from grappe.apiserver.upkeep import Upkeep
from grappe.base.clock import Clock, rfc3339
from grappe.store.interface import Event, Store

log = logging.getLogger("grappe.apiserver.aggregation")

CHECK_SECONDS = 30.0


class Finding(NamedTuple):
    status: str
    reason: str
    message: str


_PASSED = Finding("True", "Passed", "all checks passed")
_LOCAL = Finding(*LOCAL)


class Availability:
    """Keeps the conditions true from `start` to `stop`."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        services: ApiServices,
        targets: Targets,
        documents: Documents,
    ) -> None:
        self._store = store
        self._clock = clock
        self._services = services
        self._targets = targets
        self._documents = documents
        self._loopback: Loopback | None = None
        self._upkeep = Upkeep("apiservice", self._settle)
        self._checks: asyncio.Task[None] | None = None

    def start(self, loopback: Loopback) -> None:
        self._loopback = loopback
        store = self._store
        self._services.changed = self._look_at
        self._upkeep.start(
            store.watch(SERVICES.bucket, store.revision, partial(self._behind, "")),
            store.watch(
                ENDPOINT_SLICES.bucket,
                store.revision,
                partial(self._behind, "kubernetes.io/service-name"),
            ),
        )
        self._checks = asyncio.get_running_loop().create_task(self._again(), name="apiservices")

    async def stop(self) -> None:
        if self._checks is not None:
            self._checks.cancel()
            await asyncio.gather(self._checks, return_exceptions=True)
        await self._upkeep.stop()

    async def _again(self) -> None:
        while True:
            self._upkeep.look_at(service.name for service in self._services.remote())
            await asyncio.sleep(CHECK_SECONDS)

    def _look_at(self, names: Iterable[str]) -> None:
        self._upkeep.look_at(names)

    def _behind(self, label: str, events: Sequence[Event]) -> None:
        """A Service, or what serves it, has changed."""
        remote = self._services.remote()
        if not remote:
            return
        touched = set()
        for event in events:
            namespace, _, name = event.record.key.partition("/")
            touched.add((namespace, event.record.labels.get(label, "") if label else name))
        self._upkeep.look_at(s.name for s in remote if (s.namespace, s.service) in touched)

    async def _settle(self, name: str) -> None:
        service = self._services.get(name)
        if service is None:
            self._documents.forget(name)
            return
        finding = await self._check(service) if service.service else _LOCAL
        conditions = wanted_conditions(service.conditions, finding, rfc3339(self._clock.now()))
        if conditions == list(service.conditions):
            return
        assert self._loopback is not None
        patch = {
            "metadata": {"resourceVersion": str(service.revision)},
            "status": {"conditions": conditions},
        }
        await self._loopback.merge(API_SERVICES, "", name, patch, subresource="status")

    async def _check(self, service: ApiService) -> Finding:
        return self._serves(service) or await self._probe(service)

    def _serves(self, service: ApiService) -> Finding | None:
        """What is wrong with the Service; None when somebody serves it."""
        named = f"service/{service.service} in {quote(service.namespace)}"
        record = self._store.get(SERVICES.bucket, f"{service.namespace}/{service.service}")
        if record is None:
            return Finding("False", "ServiceNotFound", f"{named} is not present")
        spec = body_of(record).get("spec") or {}
        if spec.get("type", "ClusterIP") != "ClusterIP":
            return None
        port = service_port(spec, service.port)
        if port is None:
            told = f"{named} is not listening on port {service.port}"
            return Finding("False", "ServicePortError", told)
        if not slices_of(self._store, service.namespace, service.service):
            told = f"cannot find endpointslices for {named}"
            return Finding("False", "EndpointsNotFound", told)
        name = port.get("name") or ""
        if not ready_endpoints(self._store, service.namespace, service.service, name):
            told = f"endpointslices for {named} have no addresses with port name {quote(name)}"
            return Finding("False", "MissingEndpoints", told)
        return None

    async def _probe(self, service: ApiService) -> Finding:
        """Ask for the discovery of the group version."""
        where = f"https://{service.service}.{service.namespace}.svc:{service.port}{service.path}"
        try:
            target = self._targets.of(service, verified=False)
            head = (await self._documents.probe(service, target)).head
        except (CallError, ApiError) as error:
            why = error.message if isinstance(error, ApiError) else f'Get "{where}": {error}'
        else:
            if 200 <= head.status < 300:
                return _PASSED
            why = f"bad status from {where}: {head.status}"
        told = f"failing or missing response from {where}: {why}"
        return Finding("False", "FailedDiscoveryCheck", told)


def wanted_conditions(conditions: Sequence[Object], finding: Finding, now: str) -> list[Object]:
    """The conditions with `finding` as Available; the same when it is there already."""
    found = [dict(c) for c in conditions]
    for condition in found:
        if condition.get("type") == "Available":
            if condition.get("status") != finding.status:
                condition["lastTransitionTime"] = now
            condition.update(finding._asdict())
            return found
    return [*found, {"type": "Available", **finding._asdict(), "lastTransitionTime": now}]
