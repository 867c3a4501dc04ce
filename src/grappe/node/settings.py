"""What an agent has to know about its node; given by assembly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

KUBELET_VERSION = "v1.36.2"
"""The Kubernetes release whose behaviour the agent has."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """`directory` holds pod volumes, logs and the runtime's own; the serving certificate, its key
    and the client CA are PEM files (none: the agent's server is not started). `kubelet_port` 0
    picks a free one. `cgroup_root` is where pods' cgroups go, empty: the runtime's default."""

    cluster: str
    node_name: str
    node_ip: str
    directory: Path
    pod_cidr: str = ""
    cluster_dns: str = ""
    cluster_domain: str = "cluster.local"
    kubelet_address: str = "127.0.0.1"
    kubelet_port: int = 0
    serving_certificate: Path | None = None
    serving_key: Path | None = None
    client_ca: Path | None = None
    cgroup_root: str = ""
    resolv_conf: Path = Path("/etc/resolv.conf")
    labels: Mapping[str, str] = field(default_factory=dict)
    max_pods: int = 110
    simulated: bool = False

    @property
    def log_root(self) -> Path:
        """One directory for each pod, as /var/log/pods."""
        return self.directory / "logs" / "pods"

    @property
    def pod_root(self) -> Path:
        """One directory for each pod's volumes and files, as /var/lib/kubelet/pods."""
        return self.directory / "pods"
