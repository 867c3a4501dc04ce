"""What the agent asks a runtime for: sandboxes and containers, in CRI's terms, as plain records.

https://kubernetes.io/docs/concepts/containers/cri/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

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
