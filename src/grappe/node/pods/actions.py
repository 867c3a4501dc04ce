"""What a pod worker does to the runtime: sandboxes made, containers started and killed, each with
the events the kubelet writes."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Literal

from grappe.api import Object
from grappe.node import cgroups
from grappe.node.pods import config, dns, hooks, resources, spec
from grappe.node.pods.context import NodeContext
from grappe.node.pods.decide import Kill, Start, backoff_key
from grappe.node.pods.environment import EnvironmentFault, Sources, environment, references
from grappe.node.pods.images import ImageTrouble
from grappe.node.pods.mounts import container_mounts, termination_file
from grappe.node.pods.resize import Resize
from grappe.node.pods.security import SecurityError
from grappe.node.pods.snapshot import Snapshot
from grappe.node.pods.spec import Declared
from grappe.node.references import CacheTimeout
from grappe.node.runtime.config import ContainerConfig, SandboxConfig
from grappe.node.runtime.interface import ContainerStatus, Image, NotFound, RuntimeFault
from grappe.node.volumes.payload import MountFault

_LEAST_GRACE = 2.0
"""Seconds SIGTERM still gets when a preStop hook has used up the grace period."""


class StartTrouble(Exception):
    """A container was not started. `reason` and message are for its status; `retry_at` None:
    after the worker's usual delay."""

    def __init__(self, reason: str, message: str, retry_at: float | None = None) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.retry_at = retry_at


class Actions:
    """Bound to the node, not to a pod."""

    def __init__(self, context: NodeContext) -> None:
        self._node = context

    def tell(
        self,
        pod: Object,
        type: Literal["Normal", "Warning"],
        reason: str,
        message: str,
        declared: Declared | None = None,
    ) -> None:
        """Write an event about a pod, or about one container of it."""
        path = spec.field_path(declared) if declared is not None else ""
        self._node.recorder.event(pod, type, reason, message, field_path=path)

    # -- sandboxes
    def sandbox_config(self, pod: Object, attempt: int) -> SandboxConfig:
        settings = self._node.settings
        resolver = dns.resolver(
            pod,
            cluster_dns=settings.cluster_dns,
            cluster_domain=settings.cluster_domain,
            node=self._node.node_dns,
        )
        return config.sandbox(pod, settings, attempt=attempt, dns=resolver)

    async def create_sandbox(self, pod: Object, attempt: int, *, again: bool) -> str:
        """`again`: the pod had one before. Raises RuntimeFault or OSError, after telling of it."""
        wanted = self.sandbox_config(pod, attempt)
        if again:
            self.tell(
                pod,
                "Normal",
                "SandboxChanged",
                "Pod sandbox changed, it will be killed and re-created.",
            )
        try:
            os.makedirs(wanted.log_directory, exist_ok=True)
            self._make_cgroup(pod, wanted.cgroup_parent)
            handler = self._handler(pod)
            return await self._node.runtime.run_sandbox(wanted, handler)
        except (RuntimeFault, OSError, TimeoutError) as fault:
            text = f"Failed to create pod sandbox: rpc error: code = Unknown desc = {fault}"
            self.tell(pod, "Warning", "FailedCreatePodSandBox", text)
            raise

    def _handler(self, pod: Object) -> str:
        """The runtime's default for every RuntimeClass named like it, else the class's name."""
        name = pod["spec"].get("runtimeClassName") or ""
        return "" if name in ("", "runc") else str(name)

    def _make_cgroup(self, pod: Object, path: str) -> None:
        if not path:
            return
        millis = resources.pod_limit(pod, "cpu")
        cgroups.create(
            path,
            cpu_shares=resources.cpu_shares(resources.pod_request(pod, "cpu")),
            cpu_quota=None if not millis else max(1000, millis * 100),
            memory=resources.pod_limit(pod, "memory") or None,
        )

    # -- containers
    async def start(self, snapshot: Snapshot, start: Start) -> str:
        """Pull, create and start one container, run its postStart hook; the container's id.
        Raises StartTrouble."""
        pod, declared = snapshot.pod, start.declared
        if snapshot.current is None:
            raise StartTrouble("CreateContainerError", "the pod has no sandbox")
        key = backoff_key(snapshot, declared.name)
        if start.after:
            self._node.backoff.next(key, start.after, self._node.clock.now())

        def tell(type: str, reason: str, message: str) -> None:
            kind: Literal["Normal", "Warning"] = "Warning" if type == "Warning" else "Normal"
            self.tell(pod, kind, reason, message, declared)

        try:
            image = await self._node.images.ensure(pod, declared, tell)
            wanted = await self._config(snapshot, start, image)
        except ImageTrouble as trouble:
            tell("Warning", "Failed", f"Error: {trouble.reason}")
            raise StartTrouble(trouble.reason, trouble.message, trouble.retry_at) from None
        except (EnvironmentFault, SecurityError, MountFault, CacheTimeout) as fault:
            tell("Warning", "Failed", f"Error: {fault}")
            raise StartTrouble("CreateContainerConfigError", str(fault)) from None
        sandbox = self.sandbox_config(pod, snapshot.sandboxes[0].attempt)
        try:
            container_id = await self._node.runtime.create_container(
                snapshot.current.id, wanted, sandbox
            )
        except (RuntimeFault, TimeoutError) as fault:
            tell("Warning", "Failed", f"Error: {fault}")
            raise StartTrouble("CreateContainerError", str(fault)) from None
        tell("Normal", "Created", "Container created")
        try:
            await self._node.runtime.start_container(container_id)
        except (RuntimeFault, TimeoutError) as fault:
            tell("Warning", "Failed", f"Error: {fault}")
            raise StartTrouble("RunContainerError", str(fault)) from None
        tell("Normal", "Started", "Container started")
        await self._post_start(snapshot, declared, container_id)
        return container_id

    async def _config(self, snapshot: Snapshot, start: Start, image: Image) -> ContainerConfig:
        pod, declared = snapshot.pod, start.declared
        ips = self.pod_ips(snapshot)
        env = environment(pod, declared.spec, await self._sources(pod, declared, ips))
        mounts = container_mounts(
            pod,
            declared,
            start.attempt,
            dict(env),
            ips,
            self._node.mounter,
            self._node.settings,
        )
        target = declared.spec.get("targetContainerName") if declared.kind == "ephemeral" else None
        running = snapshot.newest(target) if target else None
        return config.container(
            pod,
            declared,
            attempt=start.attempt,
            image=image,
            env=env,
            mounts=mounts,
            machine_memory=self._node.machine.memory,
            target=running.id if running is not None else "",
        )

    def pod_ips(self, snapshot: Snapshot) -> tuple[str, ...]:
        if snapshot.current is None:
            return ()
        if snapshot.current.host_network:
            return (self._node.settings.node_ip,)
        return snapshot.current.ips

    async def _sources(self, pod: Object, declared: Declared, ips: tuple[str, ...]) -> Sources:
        namespace, uid = pod["metadata"]["namespace"], spec.uid(pod)
        maps, secrets = references(declared.spec)

        async def known(kind: str, names: set[str]) -> dict[str, Object]:
            found = {
                name: await self._node.references.get(kind, namespace, name, uid) for name in names
            }
            return {name: obj for name, obj in found.items() if obj is not None}

        return Sources(
            await known("configmap", maps),
            await known("secret", secrets),
            self._node.services(),
            self._node.settings.node_ip,
            ips,
            self._node.allocatable,
        )

    async def _post_start(self, snapshot: Snapshot, declared: Declared, container_id: str) -> None:
        handler = (declared.spec.get("lifecycle") or {}).get("postStart")
        if not handler:
            return
        ip = (self.pod_ips(snapshot) or ("",))[0]
        try:
            await hooks.run(
                self._node.runtime, container_id, declared.spec, handler, ip, timeout=600.0
            )
        except hooks.HookFailed as failed:
            self.tell(
                snapshot.pod,
                "Warning",
                "FailedPostStartHook",
                f"PostStartHook failed: {failed}",
                declared,
            )
            self.tell(snapshot.pod, "Normal", "Killing", "FailedPostStartHook", declared)
            await self._node.runtime.stop_container(container_id, spec.grace_period(snapshot.pod))
            raise StartTrouble("PostStartHookError", str(failed)) from None

    async def kill(self, snapshot: Snapshot, kill: Kill, grace: float) -> None:
        """preStop, then SIGTERM with what is left of the grace period, then SIGKILL."""
        declared, status = kill.declared, kill.status
        if kill.why:
            self.tell(snapshot.pod, "Normal", "Killing", kill.why, declared)
        loop = asyncio.get_running_loop()
        began = loop.time()
        handler = ((declared.spec if declared else {}).get("lifecycle") or {}).get("preStop")
        if handler and declared is not None and grace > 0:
            await self._pre_stop(snapshot, declared, status, handler, grace)
        left = grace - (loop.time() - began)
        if grace > 0:
            left = max(left, min(_LEAST_GRACE, grace))
        await self._node.runtime.stop_container(status.id, max(left, 0.0))

    async def kill_all(self, snapshot: Snapshot, grace: float) -> None:
        """Main containers together, then the sidecars, the last first, in what is left."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + grace
        running = [
            Kill(status, declared, f"Stopping container {declared.name}")
            for declared in spec.containers(snapshot.pod)
            for status in snapshot.containers.get(declared.name, ())
            if status.state == "running"
        ]
        main = [kill for kill in running if kill.declared and not kill.declared.restartable]
        sidecars = [kill for kill in running if kill.declared and kill.declared.restartable]
        await asyncio.gather(*(self.kill(snapshot, kill, grace) for kill in main))
        for kill in reversed(sidecars):
            await self.kill(snapshot, kill, max(0.0, deadline - loop.time()))

    async def _pre_stop(
        self,
        snapshot: Snapshot,
        declared: Declared,
        status: ContainerStatus,
        handler: Object,
        grace: float,
    ) -> None:
        ip = (self.pod_ips(snapshot) or ("",))[0]
        try:
            await hooks.run(self._node.runtime, status.id, declared.spec, handler, ip, grace)
        except hooks.HookFailed as failed:
            text = f"PreStopHook failed: {failed}"
            self.tell(snapshot.pod, "Warning", "FailedPreStopHook", text, declared)

    async def resize(self, pod: Object, wanted: Resize) -> None:
        """Give a running container new limits. Raises RuntimeFault, after telling of it."""
        # The pod's own limit must never be below its containers'.
        self._make_cgroup(pod, config.cgroup_parent(pod, self._node.settings))
        try:
            await self._node.runtime.update_container(wanted.status.id, wanted.limits)
        except RuntimeFault as fault:
            self.tell(pod, "Warning", "ResizeError", f"Error: {fault}", wanted.declared)
            raise

    async def remove_container(self, status: ContainerStatus, uid: str) -> None:
        """Remove an ended instance of the pod `uid` with its log and its last words."""
        await self._node.runtime.remove_container(status.id)
        if status.log_path:
            for path in Path(status.log_path).parent.glob(Path(status.log_path).name + "*"):
                path.unlink(missing_ok=True)
        settings = self._node.settings
        termination_file(settings, uid, status.name, status.attempt).unlink(missing_ok=True)

    async def stop_sandbox(self, sandbox_id: str) -> None:
        try:
            await self._node.runtime.stop_sandbox(sandbox_id)
        except NotFound:
            pass
