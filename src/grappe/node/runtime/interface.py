"""What a container runtime is to the node agent: CRI's model in plain records.

Every method may raise `RuntimeFault`; `NotFound` when the sandbox, container or image is gone.
`grappe.testing.runtime_suite` holds every implementation to this contract. Times are seconds
since the epoch, 0 when unknown (https://kubernetes.io/docs/concepts/containers/cri/).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Literal, NamedTuple, Protocol

from grappe.api import Object
from grappe.node.runtime.config import ContainerConfig, Limits, SandboxConfig

LABEL_POD_NAME = "io.kubernetes.pod.name"
LABEL_POD_NAMESPACE = "io.kubernetes.pod.namespace"
LABEL_POD_UID = "io.kubernetes.pod.uid"
LABEL_CONTAINER_NAME = "io.kubernetes.container.name"
"""Labels the kubelet puts on what it makes; by them a restarted agent finds its pods again."""


class RuntimeFault(Exception):
    """The runtime refused or failed. `reason` is CRI's word where it has one."""

    def __init__(self, message: str, reason: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason


class NotFound(RuntimeFault):
    """There is no such sandbox, container or image (any more)."""


class Unavailable(RuntimeFault):
    """The runtime does not answer; it may come back."""


class Sandbox(NamedTuple):
    """A sandbox in a listing."""

    id: str
    name: str
    namespace: str
    uid: str
    attempt: int
    ready: bool
    created_at: float
    labels: Mapping[str, str]


class SandboxStatus(NamedTuple):
    """`ips` is empty for a sandbox in the node's network. `host_network` says so."""

    id: str
    ready: bool
    ips: tuple[str, ...]
    host_network: bool
    created_at: float


ContainerState = Literal["created", "running", "exited", "unknown"]


class Container(NamedTuple):
    """A container in a listing."""

    id: str
    sandbox_id: str
    name: str
    attempt: int
    state: ContainerState
    created_at: float
    labels: Mapping[str, str]


class ContainerStatus(NamedTuple):
    """One container in full. `reason` is Completed, Error, OOMKilled, StartError …"""

    id: str
    sandbox_id: str
    name: str
    attempt: int
    state: ContainerState
    created_at: float
    started_at: float
    finished_at: float
    exit_code: int
    reason: str
    message: str
    image: str
    image_ref: str
    log_path: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class Image(NamedTuple):
    """An image on the node. `uid` and `username` are its default user, if it names one."""

    id: str
    tags: tuple[str, ...]
    digests: tuple[str, ...]
    size: int
    uid: int | None
    username: str
    pinned: bool


class Credentials(NamedTuple):
    """How to log in to the registry of the image they are given with; never logged."""

    username: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""


class ExecResult(NamedTuple):
    """`exit_code` of a command run to its end; output may be cut at 16 MiB."""

    exit_code: int
    stdout: bytes
    stderr: bytes


class ContainerUsage(NamedTuple):
    """One container's use: cumulative CPU nanoseconds, working-set bytes, written bytes."""

    container_id: str
    name: str
    labels: Mapping[str, str]
    timestamp: float
    cpu_ns: int
    memory_working_set: int
    filesystem_used: int


class RuntimeVersion(NamedTuple):
    """`name` is the scheme of containerRuntimeVersion and of container ids."""

    name: str
    version: str


class RuntimeCondition(NamedTuple):
    """RuntimeReady or NetworkReady, with what is wrong."""

    type: str
    ok: bool
    reason: str
    message: str


class RuntimeEvent(NamedTuple):
    """Something happened to a container or sandbox: `kind` is started, exited, oom, removed or
    lost (events may have been missed; look at everything)."""

    kind: Literal["started", "exited", "oom", "removed", "lost"]
    container_id: str


Channel = Literal["stdout", "stderr"]


class Session(Protocol):
    """A command's (or a running container's) standard streams."""

    def output(self) -> AsyncIterator[tuple[Channel, bytes]]:
        """What it writes, until it ends. To be read once."""
        ...

    async def write(self, data: bytes) -> None:
        """To its standard input; waits while it does not read. Silent once it has closed it."""
        ...

    async def close_input(self) -> None:
        """End of its standard input."""
        ...

    async def resize(self, width: int, height: int) -> None: ...

    async def status(self) -> Object:
        """After `output` ended: a metav1.Status, `Success` or `Failure` with reason
        NonZeroExitCode and the code as its cause (as on channel 3 of v4.channel.k8s.io)."""
        ...

    async def close(self) -> None: ...


class Runtime(Protocol):
    """Makes sandboxes and containers."""

    async def start(self) -> None:
        """Make it usable. UserError when what it needs is missing on this machine."""
        ...

    async def close(self) -> None:
        """Let go of it; containers go on running."""
        ...

    async def version(self) -> RuntimeVersion: ...

    async def conditions(self) -> Sequence[RuntimeCondition]: ...

    # -- images
    async def list_images(self) -> Sequence[Image]: ...

    async def image_status(self, reference: str) -> Image | None: ...

    async def pull_image(self, reference: str, credentials: Credentials | None = None) -> str:
        """The id of the image pulled."""
        ...

    # -- sandboxes
    async def run_sandbox(self, config: SandboxConfig, handler: str = "") -> str: ...

    async def stop_sandbox(self, sandbox_id: str) -> None:
        """Idempotent; kills what still runs in it and gives its address back."""
        ...

    async def remove_sandbox(self, sandbox_id: str) -> None:
        """Idempotent; removes its containers too."""
        ...

    async def list_sandboxes(self, uid: str = "") -> Sequence[Sandbox]:
        """All, or one pod's."""
        ...

    async def sandbox_status(self, sandbox_id: str) -> SandboxStatus: ...

    # -- containers
    async def create_container(
        self, sandbox_id: str, config: ContainerConfig, sandbox: SandboxConfig
    ) -> str: ...

    async def start_container(self, container_id: str) -> None: ...

    async def stop_container(self, container_id: str, timeout: float) -> None:
        """SIGTERM (or the image's stop signal), after `timeout` seconds SIGKILL. Idempotent."""
        ...

    async def remove_container(self, container_id: str) -> None:
        """Idempotent; kills it first if it runs."""
        ...

    async def list_containers(self, uid: str = "") -> Sequence[Container]: ...

    async def container_status(self, container_id: str) -> ContainerStatus: ...

    async def update_container(self, container_id: str, limits: Limits) -> None:
        """New limits for a running container."""
        ...

    async def reopen_log(self, container_id: str) -> None:
        """Start a new log file after the old one was renamed."""
        ...

    # -- looking inside
    async def exec_sync(
        self, container_id: str, command: Sequence[str], timeout: float
    ) -> ExecResult:
        """Run a command to its end. TimeoutError when it takes longer."""
        ...

    async def exec(
        self, container_id: str, command: Sequence[str], *, stdin: bool, tty: bool
    ) -> Session: ...

    async def attach(self, container_id: str, *, stdin: bool, tty: bool) -> Session: ...

    async def dial(
        self, sandbox_id: str, port: int
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to a port on the loopback address inside the sandbox (port-forward)."""
        ...

    def network_probe(self, container_id: str, probe: str) -> bool | None:
        """Whether a `startup`, `readiness` or `liveness` probe over the network succeeds, for a
        runtime whose pods have no network; None: really connect."""
        ...

    async def usage(self) -> Sequence[ContainerUsage]: ...

    def events(self) -> AsyncIterator[RuntimeEvent]:
        """What happens from now on. Ends or raises only when the runtime is closed."""
        ...
