"""What a container runtime is to the node agent: CRI's model in plain records.

Every method may raise `RuntimeFault`; `NotFound` when the sandbox, container or image is gone.
`grappe.testing.runtime_suite` holds every implementation to this contract. Times are seconds
since the epoch, 0 when unknown (https://kubernetes.io/docs/concepts/containers/cri/).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from grappe.api import Object

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


NamespaceMode = Literal["pod", "container", "node", "target"]


@dataclass(frozen=True, slots=True)
class Namespaces:
    """Which Linux namespaces a sandbox or container lives in. `target` names the container whose
    process namespace an ephemeral container joins."""

    network: NamespaceMode = "pod"
    pid: NamespaceMode = "container"
    ipc: NamespaceMode = "pod"
    target: str = ""


@dataclass(frozen=True, slots=True)
class SeccompProfile:
    """`kind` as in `securityContext.seccompProfile.type`; `path` for Localhost."""

    kind: Literal["RuntimeDefault", "Unconfined", "Localhost"] = "Unconfined"
    path: str = ""


@dataclass(frozen=True, slots=True)
class Security:
    """What a container (or sandbox, for the fields it has) may do."""

    namespaces: Namespaces = field(default_factory=Namespaces)
    run_as_user: int | None = None
    run_as_group: int | None = None
    supplemental_groups: tuple[int, ...] = ()
    privileged: bool = False
    read_only_root: bool = False
    no_new_privileges: bool = False
    add_capabilities: tuple[str, ...] = ()
    drop_capabilities: tuple[str, ...] = ()
    seccomp: SeccompProfile = field(default_factory=SeccompProfile)
    masked_paths: tuple[str, ...] = ()
    readonly_paths: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Limits:
    """Linux resources of one container: CFS period and quota in µs, shares, bytes."""

    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_shares: int = 0
    memory_limit: int = 0
    oom_score_adj: int = 0


@dataclass(frozen=True, slots=True)
class Dns:
    """resolv.conf of a pod."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PortMapping:
    protocol: str
    container_port: int
    host_port: int
    host_ip: str = ""


@dataclass(frozen=True, slots=True)
class SandboxConfig:
    """A pod as the runtime sees it. Container log paths are relative to `log_directory`."""

    name: str
    namespace: str
    uid: str
    attempt: int = 0
    hostname: str = ""
    log_directory: str = ""
    dns: Dns | None = None
    ports: tuple[PortMapping, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    cgroup_parent: str = ""
    sysctls: Mapping[str, str] = field(default_factory=dict)
    security: Security = field(default_factory=Security)


@dataclass(frozen=True, slots=True)
class Mount:
    """`propagation` as in `volumeMounts[].mountPropagation`."""

    container_path: str
    host_path: str
    read_only: bool = False
    propagation: Literal["None", "HostToContainer", "Bidirectional"] = "None"


@dataclass(frozen=True, slots=True)
class ContainerConfig:
    """One container. `command` and `args` override the image's entrypoint and command."""

    name: str
    image: str
    attempt: int = 0
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    working_dir: str = ""
    env: tuple[tuple[str, str], ...] = ()
    mounts: tuple[Mount, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    log_path: str = ""
    stdin: bool = False
    stdin_once: bool = False
    tty: bool = False
    limits: Limits = field(default_factory=Limits)
    security: Security = field(default_factory=Security)


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
    """How to log in to a registry; never logged."""

    server: str = ""
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

    async def remove_image(self, reference: str) -> None: ...

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

    async def update_container(self, container_id: str, limits: Limits) -> None: ...

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
