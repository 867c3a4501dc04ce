"""`SimulatedRuntime`: the Runtime interface in memory."""

from __future__ import annotations

import asyncio
import ipaddress
import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from grappe.base.clock import Clock, SystemClock
from grappe.node.runtime.config import ContainerConfig, Limits, SandboxConfig
from grappe.node.runtime.interface import (
    LABEL_POD_UID,
    Container,
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
)
from grappe.node.runtime.simulated import script as scripts
from grappe.node.runtime.simulated.state import SimulatedContainer, SimulatedSandbox, StateFiles

NO_EXEC = (
    "this pod is simulated: nothing runs in it; for real containers run: grappe up (as root, "
    "without --simulate)"
)
_UNREACHABLE = ".invalid"
"""Images of a registry under this reserved name (RFC 2606) cannot be pulled."""


class SimulatedRuntime:
    """`pod_cidr` is where pods' addresses come from; `directory` keeps the state over a restart;
    `image_size` is what each image claims."""

    def __init__(
        self,
        pod_cidr: str = "10.244.0.0/24",
        *,
        directory: Path | None = None,
        node_ip: str = "127.0.0.1",
        clock: Clock | None = None,
    ) -> None:
        self._network = ipaddress.ip_network(pod_cidr)
        self._node_ip = node_ip
        self._clock = clock or SystemClock()
        self._files = StateFiles(directory)
        self._sandboxes: dict[str, SimulatedSandbox] = {}
        self._owner: dict[str, SimulatedSandbox] = {}
        self._images: dict[str, Image] = {}
        self._listeners: set[asyncio.Queue[RuntimeEvent]] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._next_ip = 1

    # -- life
    async def start(self) -> None:
        for sandbox in self._files.load():
            self._sandboxes[sandbox.id] = sandbox
            for container in sandbox.containers.values():
                self._owner[container.id] = sandbox
                self._note_image(container.image)
                if container.state == "running" and container.ends_at:
                    self._end_later(sandbox, container)

    async def close(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def version(self) -> RuntimeVersion:
        return RuntimeVersion("simulated", "1.0.0")

    async def conditions(self) -> Sequence[RuntimeCondition]:
        return [
            RuntimeCondition("RuntimeReady", True, "", ""),
            RuntimeCondition("NetworkReady", True, "", ""),
        ]

    # -- images
    def _note_image(self, reference: str) -> Image:
        image = self._images.get(reference)
        if image is None:
            digest = f"sha256:{uuid.uuid5(uuid.NAMESPACE_URL, reference).hex * 2}"
            image = Image(
                digest, (reference,), (f"{reference}@{digest}",), 1 << 20, None, "", False
            )
            self._images[reference] = image
        return image

    async def list_images(self) -> Sequence[Image]:
        return list(self._images.values())

    async def image_status(self, reference: str) -> Image | None:
        return self._images.get(reference)

    async def pull_image(self, reference: str, credentials: Credentials | None = None) -> str:
        host = reference.partition("/")[0].partition(":")[0]
        if host.endswith(_UNREACHABLE):
            raise RuntimeFault(
                f'failed to pull and unpack image "{reference}": failed to resolve reference '
                f'"{reference}": lookup {host}: no such host'
            )
        return self._note_image(reference).id

    # -- sandboxes
    def _allocate_ip(self) -> str:
        used = {s.ip for s in self._sandboxes.values() if s.ready}
        size = self._network.num_addresses
        for _ in range(size):
            self._next_ip = self._next_ip % (size - 2) + 1 if size > 3 else 1
            address = str(self._network[self._next_ip])
            if address not in used:
                return address
        raise RuntimeFault(f"no address of {self._network} is free")

    async def run_sandbox(self, config: SandboxConfig, handler: str = "") -> str:
        if handler:
            raise RuntimeFault(f'no runtime for "{handler}" is configured')
        try:
            scripts.parse(config.annotations, config.labels, "")
        except ValueError as error:
            raise RuntimeFault(str(error)) from error
        host = config.security.namespaces.network == "node"
        sandbox = SimulatedSandbox(
            uuid.uuid4().hex * 2,
            config.name,
            config.namespace,
            config.uid,
            config.attempt,
            dict(config.labels),
            dict(config.annotations),
            config.log_directory,
            self._clock.now(),
            self._node_ip if host else self._allocate_ip(),
            host,
        )
        self._sandboxes[sandbox.id] = sandbox
        self._files.save(sandbox)
        self._publish(RuntimeEvent("started", sandbox.id))
        return sandbox.id

    async def stop_sandbox(self, sandbox_id: str) -> None:
        sandbox = self._sandboxes.get(sandbox_id)
        if sandbox is None or not sandbox.ready:
            return
        for container in sandbox.containers.values():
            self._end(sandbox, container, 137)
        sandbox.ready = False
        self._files.save(sandbox)
        self._publish(RuntimeEvent("exited", sandbox.id))

    async def remove_sandbox(self, sandbox_id: str) -> None:
        await self.stop_sandbox(sandbox_id)
        sandbox = self._sandboxes.pop(sandbox_id, None)
        if sandbox is not None:
            for key in sandbox.containers:
                self._owner.pop(key, None)
            self._files.remove(sandbox)

    async def list_sandboxes(self, uid: str = "") -> Sequence[Sandbox]:
        return [
            Sandbox(s.id, s.name, s.namespace, s.uid, s.attempt, s.ready, s.created_at, s.labels)
            for s in self._sandboxes.values()
            if not uid or s.labels.get(LABEL_POD_UID) == uid
        ]

    async def sandbox_status(self, sandbox_id: str) -> SandboxStatus:
        sandbox = self._sandbox(sandbox_id)
        ips = () if sandbox.host_network else (sandbox.ip,)
        return SandboxStatus(
            sandbox.id, sandbox.ready, ips, sandbox.host_network, sandbox.created_at
        )

    def _sandbox(self, sandbox_id: str) -> SimulatedSandbox:
        found = self._sandboxes.get(sandbox_id)
        if found is None:
            raise NotFound(f'an error occurred when try to find sandbox "{sandbox_id}": not found')
        return found

    # -- containers
    def _container(self, container_id: str) -> tuple[SimulatedSandbox, SimulatedContainer]:
        sandbox = self._owner.get(container_id)
        if sandbox is None:
            raise NotFound(
                f'an error occurred when try to find container "{container_id}": not found'
            )
        return sandbox, sandbox.containers[container_id]

    async def create_container(
        self, sandbox_id: str, config: ContainerConfig, sandbox: SandboxConfig
    ) -> str:
        owner = self._sandbox(sandbox_id)
        if not owner.ready:
            raise RuntimeFault(f'sandbox "{sandbox_id}" is not running')
        if config.image not in self._images:
            raise RuntimeFault(f'image "{config.image}": not found')
        container = SimulatedContainer(
            uuid.uuid4().hex * 2,
            config.name,
            config.attempt,
            config.image,
            str(Path(owner.log_directory) / config.log_path) if config.log_path else "",
            dict(config.labels),
            dict(config.annotations),
            self._clock.now(),
        )
        owner.containers[container.id] = container
        self._owner[container.id] = owner
        self._files.save(owner)
        return container.id

    def _script(self, sandbox: SimulatedSandbox, container: SimulatedContainer) -> scripts.Script:
        return scripts.parse(sandbox.annotations, sandbox.labels, container.name)

    async def start_container(self, container_id: str) -> None:
        sandbox, container = self._container(container_id)
        if container.state != "created":
            raise RuntimeFault(f"container is in CONTAINER_{container.state.upper()} state")
        script = self._script(sandbox, container)
        if script.start_delay:
            await asyncio.sleep(script.start_delay)
        container.state = "running"
        container.started_at = self._clock.now()
        self._write_log(container, f"simulated container {container.name} started\n{script.log}")
        crash = container.attempt < script.crashes
        if crash or script.run_for is not None:
            run_for = script.run_for or 0.0
            container.ends_at = container.started_at + max(run_for, 0.001)
            container.ends_with = 1 if crash else script.exit_code
            self._end_later(sandbox, container)
        self._files.save(sandbox)
        self._publish(RuntimeEvent("started", container.id))

    def _end_later(self, sandbox: SimulatedSandbox, container: SimulatedContainer) -> None:
        delay = max(0.0, container.ends_at - self._clock.now())
        self._timers[container.id] = asyncio.get_running_loop().call_later(
            delay, self._end, sandbox, container, container.ends_with
        )

    def _end(self, sandbox: SimulatedSandbox, container: SimulatedContainer, code: int) -> None:
        timer = self._timers.pop(container.id, None)
        if timer is not None:
            timer.cancel()
        if container.state == "exited":
            return
        container.state = "exited"
        container.finished_at = self._clock.now()
        container.exit_code = code
        container.reason = "Completed" if code == 0 else "Error"
        self._files.save(sandbox)
        self._publish(RuntimeEvent("exited", container.id))

    async def stop_container(self, container_id: str, timeout: float) -> None:
        found = self._owner.get(container_id)
        if found is None:
            return
        container = found.containers[container_id]
        if container.state != "running":
            return
        script = self._script(found, container)
        patient = script.stop_delay is not None and script.stop_delay <= timeout
        delay = script.stop_delay if patient and script.stop_delay is not None else timeout
        if delay:
            await asyncio.sleep(delay)
        self._end(found, container, 143 if patient and timeout > 0 else 137)

    async def remove_container(self, container_id: str) -> None:
        sandbox = self._owner.pop(container_id, None)
        if sandbox is not None:
            self._end(sandbox, sandbox.containers[container_id], 137)
            del sandbox.containers[container_id]
            self._files.save(sandbox)

    async def list_containers(self, uid: str = "") -> Sequence[Container]:
        return [
            Container(c.id, s.id, c.name, c.attempt, c.state, c.created_at, c.labels)
            for s in self._sandboxes.values()
            for c in s.containers.values()
            if not uid or c.labels.get(LABEL_POD_UID) == uid
        ]

    async def container_status(self, container_id: str) -> ContainerStatus:
        sandbox, c = self._container(container_id)
        image = self._note_image(c.image)
        return ContainerStatus(
            c.id,
            sandbox.id,
            c.name,
            c.attempt,
            c.state,
            c.created_at,
            c.started_at,
            c.finished_at,
            c.exit_code,
            c.reason,
            "",
            c.image,
            image.digests[0],
            c.log_path,
            c.labels,
            c.annotations,
        )

    async def update_container(self, container_id: str, limits: Limits) -> None:
        self._container(container_id)

    async def reopen_log(self, container_id: str) -> None:
        _, container = self._container(container_id)
        self._write_log(container, "")

    def _write_log(self, container: SimulatedContainer, text: str) -> None:
        if not container.log_path:
            return
        path = Path(container.log_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        stamp = datetime.fromtimestamp(self._clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")
        with path.open("a") as file:
            file.writelines(f"{stamp}000Z stdout F {line}\n" for line in text.splitlines())

    # -- looking inside
    async def exec_sync(
        self, container_id: str, command: Sequence[str], timeout: float
    ) -> ExecResult:
        _, container = self._container(container_id)
        if container.state != "running":
            raise RuntimeFault("container is not running")
        return ExecResult(0, b"", b"")

    async def exec(
        self, container_id: str, command: Sequence[str], *, stdin: bool, tty: bool
    ) -> Session:
        self._container(container_id)
        raise RuntimeFault(NO_EXEC)

    async def attach(self, container_id: str, *, stdin: bool, tty: bool) -> Session:
        self._container(container_id)
        raise RuntimeFault(NO_EXEC)

    async def dial(
        self, sandbox_id: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        self._sandbox(sandbox_id)
        raise RuntimeFault(NO_EXEC)

    def network_probe(self, container_id: str, probe: str) -> bool | None:
        sandbox, container = self._container(container_id)
        if container.state != "running":
            return False
        return self._script(sandbox, container).probes.get(probe, True)

    async def usage(self) -> Sequence[ContainerUsage]:
        now = self._clock.now()
        return [
            ContainerUsage(c.id, c.name, c.labels, now, 0, 0, 0)
            for s in self._sandboxes.values()
            for c in s.containers.values()
            if c.state == "running"
        ]

    # -- events
    def _publish(self, event: RuntimeEvent) -> None:
        for queue in self._listeners:
            queue.put_nowait(event)

    async def events(self) -> AsyncIterator[RuntimeEvent]:
        queue: asyncio.Queue[RuntimeEvent] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            yield RuntimeEvent("lost", "")
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)
