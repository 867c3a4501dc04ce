"""Follows Services; writes `status.loadBalancer` and the events a cloud's controller writes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import SERVICES
from grappe.client.informer import Informer, until_synced
from grappe.client.interface import Client, TransportError
from grappe.network.loadbalancer.decide import Key, decide
from grappe.network.published.wanted import Port, of_pod
from grappe.reconcile.events import Recorder

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.01
RETRY_SECONDS = 2.0


class LoadBalancers:
    """`reserved` are ports of the address that are never given away."""

    def __init__(
        self,
        client: Client,
        services: Informer,
        pods: Informer,
        *,
        address: str,
        reserved: Mapping[Port, str],
        recorder: Recorder,
    ) -> None:
        self._client = client
        self._services = services
        self._pods = pods
        self._address = address
        self._reserved = reserved
        self._recorder = recorder
        self._refused: dict[Key, str] = {}
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. Addresses stay as they are then."""
        self._services.add_handler(lambda *_: self._wake.set())
        self._pods.add_handler(lambda *_: self._wake.set())
        await until_synced(self._services, self._pods)
        while True:
            self._wake.clear()
            settled = await self._settle()
            try:
                async with asyncio.timeout(None if settled else RETRY_SECONDS):
                    await self._wake.wait()
                await asyncio.sleep(GATHER_SECONDS)
            except TimeoutError:
                pass

    async def _settle(self) -> bool:
        """Whether everything could be written."""
        host_ports = {
            port: f"Pod {pod['metadata']['namespace']}/{pod['metadata']['name']}"
            for pod in self._pods.list()
            for port in of_pod(pod)
        }
        plan = decide(self._services.list(), self._address, {**host_ports, **self._reserved})
        settled = True
        for key in plan.take:
            settled &= await self._write(key, [])
        for key in plan.give:
            if await self._write(key, [{"ip": self._address, "ipMode": "VIP"}]):
                self._tell(key, "Normal", "EnsuredLoadBalancer", "Ensured load balancer")
            else:
                settled = False
        for key, why in plan.refused.items():
            if self._refused.get(key) != why:
                self._tell(key, "Warning", "SyncLoadBalancerFailed", why)
        self._refused = plan.refused
        return settled

    def _tell(self, key: Key, type_: str, reason: str, message: str) -> None:
        service = self._services.get(*key)
        if service is not None:
            self._recorder.event(
                service, "Warning" if type_ == "Warning" else "Normal", reason, message
            )

    async def _write(self, key: Key, ingress: list[Object]) -> bool:
        namespace, name = key
        patch = {"status": {"loadBalancer": {"ingress": ingress or None}}}
        try:
            await self._client.patch(SERVICES, name, patch, namespace, subresource="status")
        except ApiError as error:
            if error.code == 404:
                return True
            log.warning("the address of service %s/%s: %s", namespace, name, error.message)
            return False
        except TransportError as error:
            log.warning("the address of service %s/%s: %s", namespace, name, error)
            return False
        return True
