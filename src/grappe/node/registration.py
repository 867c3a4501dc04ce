"""The Node object and its heartbeats, as the kubelet writes them.

https://kubernetes.io/docs/concepts/architecture/nodes/
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from grappe.api import Object
from grappe.api.errors import ApiError
from grappe.api.resources import LEASES, NODES
from grappe.base.clock import Clock, rfc3339, rfc3339_micro
from grappe.client.interface import Client, TransportError
from grappe.node.machine import Machine, Pressures, pressures
from grappe.node.runtime.interface import (
    Image,
    Runtime,
    RuntimeCondition,
    RuntimeFault,
    RuntimeVersion,
)
from grappe.node.settings import KUBELET_VERSION, NodeSettings

log = logging.getLogger("grappe.node")

LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS = 40
_RENEW_SECONDS = 10.0
_STATUS_SECONDS = 300.0
_MOST_IMAGES = 50
_RESERVED_MEMORY = 100 << 20
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure")


def capacity(machine: Machine, settings: NodeSettings) -> dict[str, str]:
    return {
        "cpu": str(machine.cpus),
        "ephemeral-storage": f"{machine.disk // 1024}Ki",
        "hugepages-1Gi": "0",
        "hugepages-2Mi": "0",
        "memory": f"{machine.memory // 1024}Ki",
        "pods": str(settings.max_pods),
    }


def allocatable(machine: Machine, settings: NodeSettings) -> dict[str, str]:
    """Capacity less what is kept for the machine: 100 MiB of memory and a tenth of the disk (the
    kubelet's eviction thresholds)."""
    return {
        **capacity(machine, settings),
        "ephemeral-storage": str(machine.disk * 9 // 10),
        "memory": f"{max(machine.memory - _RESERVED_MEMORY, 0) // 1024}Ki",
    }


def labels(machine: Machine, settings: NodeSettings) -> dict[str, str]:
    return {
        "beta.kubernetes.io/arch": machine.architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": machine.architecture,
        "kubernetes.io/hostname": settings.node_name,
        "kubernetes.io/os": "linux",
        **settings.labels,
    }


def ready_condition(runtime: Sequence[RuntimeCondition], failure: str) -> Object:
    """`Ready`, from what the runtime says; `failure`: it could not be asked."""
    wrong = [failure] if failure else []
    for condition in runtime:
        if not condition.ok:
            word = (
                "container runtime is down"
                if condition.type == "RuntimeReady"
                else ("container runtime network not ready")
            )
            detail = f"{condition.type}=false reason:{condition.reason} message:{condition.message}"
            wrong.append(f"{word}: {detail}")
    if wrong:
        return {
            "type": "Ready",
            "status": "False",
            "reason": "KubeletNotReady",
            "message": ", ".join(wrong),
        }
    return {
        "type": "Ready",
        "status": "True",
        "reason": "KubeletReady",
        "message": "kubelet is posting ready status",
    }


def pressure_conditions(found: Pressures) -> list[Object]:
    """MemoryPressure, DiskPressure and PIDPressure, in the kubelet's words."""
    short = {
        "MemoryPressure": (found.memory, "InsufficientMemory", "insufficient memory available"),
        "DiskPressure": (found.disk, "DiskPressure", "disk pressure"),
        "PIDPressure": (found.pids, "InsufficientPID", "insufficient PID available"),
    }
    enough = {
        "MemoryPressure": ("SufficientMemory", "sufficient memory available"),
        "DiskPressure": ("NoDiskPressure", "no disk pressure"),
        "PIDPressure": ("SufficientPID", "sufficient PID available"),
    }
    out = []
    for kind, (wrong, *words) in short.items():
        reason, message = words if wrong else enough[kind]
        out.append(
            {
                "type": kind,
                "status": "True" if wrong else "False",
                "reason": f"KubeletHas{reason}",
                "message": f"kubelet has {message}",
            }
        )
    return out


def conditions(
    ready: Object, short_of: Pressures, known: Sequence[Object], now: float
) -> list[Object]:
    """All conditions, with the time of the last change kept where there is none."""
    before = {c["type"]: c for c in known}
    out = []
    for condition in [*pressure_conditions(short_of), ready]:
        old = before.get(condition["type"]) or {}
        same = old.get("status") == condition["status"]
        since = old.get("lastTransitionTime") if same else None
        out.append(
            {
                "type": condition["type"],
                "status": condition["status"],
                "lastHeartbeatTime": rfc3339(now),
                "lastTransitionTime": since or rfc3339(now),
                "reason": condition["reason"],
                "message": condition["message"],
            }
        )
    return out


def image_list(images: Sequence[Image]) -> list[Object]:
    """status.images: the largest first."""
    largest = sorted(images, key=lambda image: image.size, reverse=True)[:_MOST_IMAGES]
    return [
        {"names": [*image.digests, *image.tags], "sizeBytes": image.size}
        for image in largest
        if image.digests or image.tags
    ]


def node_status(
    settings: NodeSettings,
    machine: Machine,
    version: RuntimeVersion,
    images: Sequence[Image],
    *,
    kubelet_port: int,
    ready: Object,
    short_of: Pressures,
    known: Mapping[str, object],
    now: float,
) -> Object:
    """The whole status of the Node. `known` is its status so far."""
    before = known.get("conditions")
    return {
        "addresses": [
            {"type": "InternalIP", "address": settings.node_ip},
            {"type": "Hostname", "address": settings.node_name},
        ],
        "capacity": capacity(machine, settings),
        "allocatable": allocatable(machine, settings),
        "conditions": conditions(ready, short_of, before if isinstance(before, list) else [], now),
        "daemonEndpoints": {"kubeletEndpoint": {"Port": kubelet_port}},
        "images": image_list(images),
        "nodeInfo": {
            "architecture": machine.architecture,
            "bootID": machine.boot_id,
            "containerRuntimeVersion": f"{version.name}://{version.version}",
            "kernelVersion": machine.kernel,
            "kubeProxyVersion": "",
            "kubeletVersion": KUBELET_VERSION,
            "machineID": machine.machine_id,
            "operatingSystem": "linux",
            "osImage": machine.os_image,
            "systemUUID": machine.system_uuid,
        },
    }


class Registration:
    """Keeps the Node and its Lease; `run` until cancelled. `kubelet_port` as it is listened on."""

    def __init__(
        self,
        client: Client,
        settings: NodeSettings,
        machine: Machine,
        runtime: Runtime,
        clock: Clock,
        kubelet_port: int,
    ) -> None:
        self._client = client
        self._settings = settings
        self._machine = machine
        self._runtime = runtime
        self._clock = clock
        self._port = kubelet_port
        self._written = -_STATUS_SECONDS
        self._status: Object = {}
        self._uid = ""

    async def register(self) -> None:
        """Create the Node, or bring labels of an old one up to date; tries until it is done."""
        delay = 0.05
        while True:
            try:
                await self._ensure_node()
                await self._write_status()
                await self._renew_lease()
                return
            except (ApiError, TransportError) as error:
                log.warning("registering node %s: %s", self._settings.node_name, error)
            await asyncio.sleep(delay)
            delay = min(delay * 2, 5.0)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            try:
                await self._renew_lease()
                await self._write_status()
            except ApiError as error:
                log.warning("heartbeat of node %s: %s", self._settings.node_name, error)
                if error.code == 404:
                    await self.register()
            except TransportError as error:
                log.warning("heartbeat of node %s: %s", self._settings.node_name, error)

    async def _ensure_node(self) -> None:
        wanted = labels(self._machine, self._settings)
        name = self._settings.node_name
        try:
            node = await self._client.get(NODES, name)
        except ApiError as error:
            if error.code != 404:
                raise
            spec: Object = {}
            if self._settings.pod_cidr:
                spec = {"podCIDR": self._settings.pod_cidr, "podCIDRs": [self._settings.pod_cidr]}
            node = {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {
                    "name": name,
                    "labels": wanted,
                    "annotations": {
                        "volumes.kubernetes.io/controller-managed-attach-detach": "true"
                    },
                },
                "spec": spec,
                "status": await self._fresh_status({}),
            }
            node = await self._client.create(NODES, node, field_manager="kubelet")
        known = node["metadata"].get("labels") or {}
        missing = {key: value for key, value in wanted.items() if known.get(key) != value}
        if missing:
            await self._client.patch(
                NODES, name, {"metadata": {"labels": missing}}, field_manager="kubelet"
            )
        self._status = node.get("status") or {}
        self._uid = node["metadata"]["uid"]

    async def _fresh_status(self, known: Object) -> Object:
        failure, images = "", []
        runtime: Sequence[RuntimeCondition] = []
        version = RuntimeVersion("unknown", "unknown")
        try:
            runtime = await self._runtime.conditions()
            version = await self._runtime.version()
            images = list(await self._runtime.list_images())
        except (RuntimeFault, TimeoutError) as fault:
            failure = f"container runtime is down: {fault}"
        return node_status(
            self._settings,
            self._machine,
            version,
            images,
            kubelet_port=self._port,
            ready=ready_condition(runtime, failure),
            short_of=pressures(self._settings.directory),
            known=known,
            now=self._clock.now(),
        )

    async def _write_status(self) -> None:
        """Every five minutes, or when something other than the heartbeat changed."""
        fresh = await self._fresh_status(self._status)
        written = self._clock.elapsed()
        if _steady(fresh) == _steady(self._status) and written - self._written < _STATUS_SECONDS:
            return
        node = await self._client.patch(
            NODES,
            self._settings.node_name,
            {"status": fresh},
            patch_type="application/strategic-merge-patch+json",
            subresource="status",
            field_manager="kubelet",
        )
        self._status = node.get("status") or {}
        self._written = written

    async def _renew_lease(self) -> None:
        """Say that the node lives. The Lease goes with its Node, which owns it."""
        name = self._settings.node_name
        owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": self._uid}
        renewed = rfc3339_micro(self._clock.now())
        lease: Object = {
            "metadata": {"ownerReferences": [owner]},
            "spec": {"renewTime": renewed},
        }
        try:
            await self._client.patch(LEASES, name, lease, LEASE_NAMESPACE)
        except ApiError as error:
            if error.code != 404:
                raise
            lease |= {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease"}
            lease["metadata"] |= {"name": name, "namespace": LEASE_NAMESPACE}
            lease["spec"] |= {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS}
            await self._client.create(LEASES, lease)


def _steady(status: Object) -> Object:
    """A status without what changes at every heartbeat."""
    out = {k: status.get(k) for k in ("capacity", "allocatable", "images", "daemonEndpoints")}
    info = status.get("nodeInfo") or {}
    out["nodeInfo"] = {key: value for key, value in info.items() if value}
    out["addresses"] = status.get("addresses")
    out["conditions"] = [
        {key: c.get(key) for key in ("type", "status", "reason", "message")}
        for c in status.get("conditions") or ()
        if c["type"] in {"Ready", *_PRESSURES}
    ]
    return out
