"""`ContainerdRuntime`: the Runtime interface on the private containerd."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from grappe.base.errors import UserError
from grappe.node.runtime.config import ContainerConfig, Limits, SandboxConfig
from grappe.node.runtime.containerd import netns, render
from grappe.node.runtime.containerd.connection import Connection
from grappe.node.runtime.containerd.daemon import Daemon
from grappe.node.runtime.containerd.events import Events
from grappe.node.runtime.containerd.images import Images
from grappe.node.runtime.containerd.messages import cri
from grappe.node.runtime.containerd.paths import Paths
from grappe.node.runtime.containerd.streaming import open_session
from grappe.node.runtime.interface import (
    LABEL_POD_UID,
    Container,
    ContainerState,
    ContainerStatus,
    ContainerUsage,
    Credentials,
    ExecResult,
    Image,
    NotFound,
    RuntimeCondition,
    RuntimeEvent,
    RuntimeFault,
    RuntimeVersion,
    Sandbox,
    SandboxStatus,
    Session,
    Unavailable,
)

log = logging.getLogger("grappe.node.containerd")

_STATES: tuple[ContainerState, ...] = ("created", "running", "exited", "unknown")
_START_TIMEOUT = 20.0


def _seconds(nanoseconds: int) -> float:
    return nanoseconds / 1e9


class ContainerdRuntime:
    """Owns the containerd under `directory`; `start` finds it again or starts it, and from then
    on it is restarted whenever it ends."""

    def __init__(self, directory: Path) -> None:
        self.paths = Paths(directory)
        self._daemon = Daemon(self.paths)
        self._connection: Connection | None = None
        self._images: Images | None = None
        self._guard: asyncio.Task[None] | None = None
        self._down = ""

    # -- life
    async def start(self) -> None:
        await self._bring_up()
        self._guard = asyncio.create_task(self._keep_running(), name="containerd")

    async def connect(self) -> None:
        """Only connect to a containerd that runs; `close` afterwards."""
        self._connection = Connection(self.paths.socket)
        self._images = Images(self._connection, self.paths)

    async def close(self) -> None:
        if self._guard is not None:
            self._guard.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._guard
        if self._connection is not None:
            await self._connection.close()

    async def _bring_up(self) -> None:
        try:
            self._daemon.ensure()
        except OSError as error:
            raise UserError(
                f"containerd cannot be started: {error.filename or ''}: {error.strerror}",
                f"see that {self.paths.directory} can be written to",
            ) from error
        if self._connection is None:
            await self.connect()
        deadline = asyncio.get_running_loop().time() + _START_TIMEOUT
        while True:
            try:
                await self._runtime("Status", cri().StatusRequest(), timeout=2.0)
                break
            except (RuntimeFault, TimeoutError) as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise UserError(
                        f"containerd does not come up: {self._daemon.log_tail() or error}",
                        f"see {self.paths.log}",
                    ) from error
                await asyncio.sleep(0.02)
                self._daemon.ensure()
        await self._image_part.ensure_pause()
        self._down = ""

    async def _keep_running(self) -> None:
        delay = 0.1
        while True:
            await self._daemon.wait_end()
            self._down = "containerd ended; it is being restarted"
            log.warning("containerd ended; starting it again")
            try:
                await self._bring_up()
                delay = 0.1
            except (UserError, RuntimeFault, OSError, TimeoutError) as error:
                self._down = str(error)
                log.error("containerd does not start: %s", error)
                delay = min(delay * 2, 30.0)
            await asyncio.sleep(delay)

    @property
    def _image_part(self) -> Images:
        if self._images is None:
            raise Unavailable("containerd has not been started")
        return self._images

    async def _runtime(self, name: str, request: Any, timeout: float | None = 120.0) -> Any:
        if self._connection is None:
            raise Unavailable("containerd has not been started")
        return await self._connection.call("RuntimeService", name, request, timeout=timeout)

    async def version(self) -> RuntimeVersion:
        answer = await self._runtime("Version", cri().VersionRequest(version="v1"))
        return RuntimeVersion(answer.runtime_name, answer.runtime_version.lstrip("v"))

    async def conditions(self) -> Sequence[RuntimeCondition]:
        if self._down:
            return [RuntimeCondition("RuntimeReady", False, "ContainerdDown", self._down)]
        answer = await self._runtime("Status", cri().StatusRequest(), timeout=5.0)
        return [
            RuntimeCondition(c.type, c.status, c.reason, c.message)
            for c in answer.status.conditions
        ]

    # -- images
    async def list_images(self) -> Sequence[Image]:
        return await self._image_part.list()

    async def image_status(self, reference: str) -> Image | None:
        return await self._image_part.status(reference)

    async def pull_image(self, reference: str, credentials: Credentials | None = None) -> str:
        return await self._image_part.pull(reference, credentials)

    # -- sandboxes
    async def run_sandbox(self, config: SandboxConfig, handler: str = "") -> str:
        request = cri().RunPodSandboxRequest(config=render.sandbox(config), runtime_handler=handler)
        return str((await self._runtime("RunPodSandbox", request, 240.0)).pod_sandbox_id)

    async def stop_sandbox(self, sandbox_id: str) -> None:
        with contextlib.suppress(NotFound):
            await self._runtime(
                "StopPodSandbox", cri().PodSandboxRequest(pod_sandbox_id=sandbox_id)
            )

    async def remove_sandbox(self, sandbox_id: str) -> None:
        with contextlib.suppress(NotFound):
            await self._runtime(
                "RemovePodSandbox", cri().PodSandboxRequest(pod_sandbox_id=sandbox_id)
            )

    async def list_sandboxes(self, uid: str = "") -> Sequence[Sandbox]:
        labels = {LABEL_POD_UID: uid} if uid else {}
        request = cri().ListPodSandboxRequest(filter=cri().PodSandboxFilter(label_selector=labels))
        answer = await self._runtime("ListPodSandbox", request)
        return [
            Sandbox(
                item.id,
                item.metadata.name,
                item.metadata.namespace,
                item.metadata.uid,
                item.metadata.attempt,
                item.state == 0,
                _seconds(item.created_at),
                dict(item.labels),
            )
            for item in answer.items
        ]

    async def sandbox_status(self, sandbox_id: str) -> SandboxStatus:
        request = cri().PodSandboxStatusRequest(pod_sandbox_id=sandbox_id)
        status = (await self._runtime("PodSandboxStatus", request)).status
        host = status.linux.namespaces.options.network == 2
        ips = [status.network.ip, *(extra.ip for extra in status.network.additional_ips)]
        return SandboxStatus(
            status.id,
            status.state == 0,
            () if host else tuple(ip for ip in ips if ip),
            host,
            _seconds(status.created_at),
        )

    # -- containers
    async def create_container(
        self, sandbox_id: str, config: ContainerConfig, sandbox: SandboxConfig
    ) -> str:
        request = cri().CreateContainerRequest(
            pod_sandbox_id=sandbox_id,
            config=render.container(config),
            sandbox_config=render.sandbox(sandbox),
        )
        return str((await self._runtime("CreateContainer", request)).container_id)

    async def start_container(self, container_id: str) -> None:
        await self._runtime("StartContainer", cri().ContainerRequest(container_id=container_id))

    async def stop_container(self, container_id: str, timeout: float) -> None:
        request = cri().StopContainerRequest(container_id=container_id, timeout=int(timeout))
        with contextlib.suppress(NotFound):
            await self._runtime("StopContainer", request, timeout + 120.0)

    async def remove_container(self, container_id: str) -> None:
        with contextlib.suppress(NotFound):
            await self._runtime(
                "RemoveContainer", cri().ContainerRequest(container_id=container_id)
            )

    async def list_containers(self, uid: str = "") -> Sequence[Container]:
        labels = {LABEL_POD_UID: uid} if uid else {}
        request = cri().ListContainersRequest(filter=cri().ContainerFilter(label_selector=labels))
        answer = await self._runtime("ListContainers", request)
        return [
            Container(
                item.id,
                item.pod_sandbox_id,
                item.metadata.name,
                item.metadata.attempt,
                _STATES[item.state],
                _seconds(item.created_at),
                dict(item.labels),
            )
            for item in answer.containers
        ]

    async def container_status(self, container_id: str) -> ContainerStatus:
        request = cri().ContainerStatusRequest(container_id=container_id)
        status = (await self._runtime("ContainerStatus", request)).status
        return ContainerStatus(
            status.id,
            "",
            status.metadata.name,
            status.metadata.attempt,
            _STATES[status.state],
            _seconds(status.created_at),
            _seconds(status.started_at),
            _seconds(status.finished_at),
            status.exit_code,
            status.reason,
            status.message,
            status.image.image,
            status.image_ref,
            status.log_path,
            dict(status.labels),
            dict(status.annotations),
        )

    async def update_container(self, container_id: str, limits: Limits) -> None:
        request = cri().UpdateContainerResourcesRequest(
            container_id=container_id, linux=render.limits(limits)
        )
        await self._runtime("UpdateContainerResources", request)

    async def reopen_log(self, container_id: str) -> None:
        await self._runtime("ReopenContainerLog", cri().ContainerRequest(container_id=container_id))

    # -- looking inside
    async def exec_sync(
        self, container_id: str, command: Sequence[str], timeout: float
    ) -> ExecResult:
        request = cri().ExecSyncRequest(
            container_id=container_id, cmd=command, timeout=max(1, round(timeout))
        )
        answer = await self._runtime("ExecSync", request, timeout + 5.0)
        return ExecResult(answer.exit_code, answer.stdout, answer.stderr)

    async def exec(
        self, container_id: str, command: Sequence[str], *, stdin: bool, tty: bool
    ) -> Session:
        request = cri().ExecRequest(
            container_id=container_id,
            cmd=command,
            tty=tty,
            stdin=stdin,
            stdout=True,
            stderr=not tty,
        )
        answer = await self._runtime("Exec", request)
        return await open_session(answer.url, stdin=stdin, tty=tty)

    async def attach(self, container_id: str, *, stdin: bool, tty: bool) -> Session:
        request = cri().AttachRequest(
            container_id=container_id, tty=tty, stdin=stdin, stdout=True, stderr=not tty
        )
        answer = await self._runtime("Attach", request)
        return await open_session(answer.url, stdin=stdin, tty=tty)

    async def dial(
        self, sandbox_id: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        request = cri().PodSandboxStatusRequest(pod_sandbox_id=sandbox_id, verbose=True)
        answer = await self._runtime("PodSandboxStatus", request)
        pid = json.loads(answer.info.get("info", "{}")).get("pid", 0)
        if not pid:
            raise NotFound(f"sandbox {sandbox_id} is not running")
        return await netns.dial(f"/proc/{pid}/ns/net", port)

    def network_probe(self, container_id: str, probe: str) -> bool | None:
        return None

    async def usage(self) -> Sequence[ContainerUsage]:
        answer = await self._runtime("ListContainerStats", cri().ListContainerStatsRequest())
        return [
            ContainerUsage(
                item.attributes.id,
                item.attributes.metadata.name,
                dict(item.attributes.labels),
                _seconds(item.cpu.timestamp),
                item.cpu.usage_core_nano_seconds.value,
                item.memory.working_set_bytes.value,
                item.writable_layer.used_bytes.value,
            )
            for item in answer.stats
        ]

    def events(self) -> AsyncIterator[RuntimeEvent]:
        if self._connection is None:
            raise Unavailable("containerd has not been started")
        return Events(self._connection, self._still_running).subscribe()

    async def _still_running(self, container_id: str) -> bool:
        """Whether CRI says so of a container; of a sandbox it is asked in the same way."""
        try:
            return (await self.container_status(container_id)).state == "running"
        except NotFound:
            pass
        except (RuntimeFault, TimeoutError):
            return False
        try:
            return (await self.sandbox_status(container_id)).ready
        except (RuntimeFault, TimeoutError):
            return False
