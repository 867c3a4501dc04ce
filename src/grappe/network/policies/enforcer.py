"""Keeps the policies' table true while there are policies; costs nothing while there are none."""

from __future__ import annotations

import asyncio
import logging

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import NAMESPACES, PODS, builtin
from grappe.client.informer import Informer, running
from grappe.client.interface import Client
from grappe.network.nft import Nft, NftError
from grappe.network.policies import ruleset
from grappe.network.policies.isolation import Isolation, isolation

log = logging.getLogger(__name__)

GATHER_SECONDS = 0.01
VERIFY_SECONDS = 10.0
RETRY_SECONDS = 1.0

NETWORK_POLICIES = builtin("networking.k8s.io", "v1", "networkpolicies")


class PolicyEnforcer:
    """`machine` are the addresses of the node and of the machine it is on."""

    def __init__(self, client: Client, *, machine: tuple[str, ...], nft: Nft) -> None:
        assert NETWORK_POLICIES is not None
        self._client = client
        self._machine = machine
        self._nft = nft
        self._policies = Informer(client, NETWORK_POLICIES)
        self._faults: dict[str, str] = {}
        self._wake = asyncio.Event()
        self.enforced = asyncio.Event()
        """Set while the kernel holds all that is known."""

    async def run(self) -> None:
        """Until cancelled. The table stays when this ends: isolation outlives the agent."""
        self._policies.add_handler(self._changed)
        async with running(self._policies):
            while True:
                if self._policies.list():
                    await self._enforce()
                self._remove()
                await self._wake.wait()

    def _changed(self, *_: object) -> None:
        self.enforced.clear()
        self._wake.set()

    async def _enforce(self) -> None:
        """While there is a policy."""
        pods = Informer(self._client, PODS, transform=_slim_pod)
        namespaces = Informer(self._client, NAMESPACES)
        async with running(pods, namespaces):
            pods.add_handler(self._changed)
            namespaces.add_handler(self._changed)
            written: Isolation | None = None
            undisturbed = -1
            while self._policies.list():
                self._wake.clear()
                pause = VERIFY_SECONDS
                try:
                    wanted = isolation(self._policies.list(), pods.list(), namespaces.list())
                    self._tell(wanted.faults)
                    if self._nft.disturbances() != undisturbed:
                        written = None
                    self._write(written, wanted)
                    written, undisturbed = wanted, self._nft.disturbances()
                    self.enforced.set()
                except (NftError, ApiError, ValueError) as error:
                    # What was enforced before stays.
                    log.error("network policies could not be enforced, trying again: %s", error)
                    written, pause = None, RETRY_SECONDS
                try:
                    async with asyncio.timeout(pause):
                        await self._wake.wait()
                    await asyncio.sleep(GATHER_SECONDS)
                except TimeoutError:
                    pass

    def _tell(self, faults: dict[str, str]) -> None:
        for policy, why in faults.items():
            if self._faults.get(policy) != why:
                log.error("a rule of network policy %s allows nothing: %s", policy, why)
        self._faults = faults

    def _write(self, written: Isolation | None, wanted: Isolation) -> None:
        text = ruleset.change(written, wanted) if written is not None else None
        if text is None:
            self._nft.run_apart(ruleset.whole(wanted, machine=self._machine))
        elif text:
            self._nft.run(text)

    def _remove(self) -> None:
        self._wake.clear()
        try:
            self._nft.run_apart(ruleset.absent())
            self.enforced.set()
        except NftError as error:
            log.error("the table of network policies could not be removed: %s", error)


def _slim_pod(pod: Object) -> Object:
    meta, spec, status = pod["metadata"], pod["spec"], pod.get("status") or {}
    kept_meta = ("namespace", "name", "labels", "resourceVersion")
    return {
        "metadata": {name: meta[name] for name in kept_meta if name in meta},
        "spec": {
            "hostNetwork": spec.get("hostNetwork", False),
            **{
                group: [{"ports": c["ports"]} for c in spec.get(group) or () if c.get("ports")]
                for group in ("containers", "initContainers")
            },
        },
        "status": {name: status[name] for name in ("podIP", "phase") if name in status},
    }
