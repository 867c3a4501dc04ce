"""What one cluster is made of: names, ranges, ports, and where its files are.

A cluster is one directory; every process of it gets that directory as its only argument and
reads `cluster.json` there.
"""

from __future__ import annotations

import ipaddress
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from grappe.base.errors import UserError

CLUSTER_DOMAIN = "cluster.local"


def default_data_dir(name: str) -> Path:
    """/var/lib/grappe/NAME as root, else ~/.local/share/grappe/NAME (XDG_DATA_HOME honoured)."""
    if os.geteuid() == 0:
        return Path("/var/lib/grappe") / name
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "grappe" / name


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    """The settled facts of one cluster, written once by `grappe up`.

    `slot` numbers the clusters of one machine, so that their address ranges never overlap.
    `simulate` is the number of simulated nodes; 0 means one real node on containerd. `origin` is
    the cluster of whose backup this one was made under another name, if it was.
    """

    name: str
    data_dir: Path
    port: int
    slot: int = 0
    simulate: int = 0
    origin: str = ""

    # -- address ranges, all derived from the slot -------------------------------------------
    @property
    def service_cidr(self) -> str:
        """A /16 of 10.96.0.0/11: 10.96.0.0/16 for slot 0, 10.97.0.0/16 for slot 1, …"""
        return f"10.{96 + self.slot}.0.0/16"

    @property
    def pod_cidr(self) -> str:
        """A /16 counted down from 10.244.0.0/16."""
        return f"10.{244 - self.slot}.0.0/16"

    @property
    def api_service_ip(self) -> str:
        """The cluster IP of `kubernetes.default`: the first address of the service range."""
        return str(ipaddress.ip_network(self.service_cidr)[1])

    @property
    def dns_ip(self) -> str:
        """The cluster IP of `kube-dns.kube-system`: the tenth address of the service range."""
        return str(ipaddress.ip_network(self.service_cidr)[10])

    @property
    def host_ip(self) -> str:
        """The machine's end of the link to the node; the API server listens here for pods."""
        return f"10.95.{self.slot}.1"

    @property
    def node_ip(self) -> str:
        """The node's end of that link: its InternalIP. 127.0.0.1 for simulated nodes."""
        return "127.0.0.1" if self.simulate else f"10.95.{self.slot}.2"

    @property
    def node_name(self) -> str:
        """That of the origin, if there is one: its pods are bound to it."""
        return f"grappe-{self.origin or self.name}"

    # -- names of things on the host: all carry the slot or the name, so delete finds them ------
    @property
    def netns(self) -> str:
        """The node's network namespace, `/run/netns/<this>`."""
        return f"grappe-{self.name}"

    # -- files -----------------------------------------------------------------------------------
    @property
    def database(self) -> Path:
        return self.data_dir / "state.db"

    @property
    def authentication_file(self) -> Path:
        """The AuthenticationConfiguration of other token issuers; absent: there are none."""
        return self.data_dir / "authentication.yaml"

    @property
    def admission_file(self) -> Path:
        """The AdmissionConfiguration: who is exempt from Pod Security; absent: nobody is."""
        return self.data_dir / "admission.yaml"

    @property
    def archive_dir(self) -> Path:
        """What the database has been, for restores."""
        return self.data_dir / "backups"

    @property
    def pki_dir(self) -> Path:
        return self.data_dir / "pki"

    @property
    def encryption_config(self) -> Path:
        """The keys of what is encrypted in the database (EncryptionConfiguration)."""
        return self.pki_dir / "encryption.json"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.data_dir / "kubeconfig"

    def kubeconfig_of(self, component: str) -> Path:
        """The kubeconfig of a process of ours: `node`, `platform`."""
        return self.pki_dir / f"{component}.kubeconfig"

    @property
    def log_dir(self) -> Path:
        return self.data_dir / "logs"

    @property
    def audit_log(self) -> Path:
        return self.log_dir / "audit.log"

    @property
    def audit_policy(self) -> Path:
        """What is told in the audit log (a Policy of audit.k8s.io/v1); absent: the default."""
        return self.data_dir / "audit-policy.yaml"

    @property
    def audit_webhook(self) -> Path:
        """Where audit events are sent (a kubeconfig); absent: nowhere."""
        return self.data_dir / "audit-webhook.yaml"

    @property
    def run_dir(self) -> Path:
        """Pid files and sockets of the running processes."""
        return self.data_dir / "run"

    @property
    def node_dir(self) -> Path:
        """The node agent's own: containerd's root and state, pod volumes, pod logs."""
        return self.data_dir / "node"

    @property
    def platform_dir(self) -> Path:
        """Working copies and caches of platform features; may be deleted at any time."""
        return self.data_dir / "platform"

    # -- reading and writing -----------------------------------------------------------------------
    def save(self) -> None:
        """Write `cluster.json` atomically."""
        self.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.data_dir / "cluster.json"
        temporary = path.with_suffix(".tmp")
        facts = {k: v for k, v in asdict(self).items() if k != "data_dir"}
        temporary.write_text(json.dumps(facts, indent=2) + "\n")
        os.replace(temporary, path)

    def with_port(self, port: int) -> ClusterConfig:
        return replace(self, port=port)

    @classmethod
    def load(cls, data_dir: Path) -> ClusterConfig:
        """Read `cluster.json`; UserError when there is none or it is damaged."""
        path = data_dir / "cluster.json"
        try:
            facts: dict[str, Any] = json.loads(path.read_text())
            return cls(data_dir=data_dir, **facts)
        except FileNotFoundError:
            raise UserError(f"there is no cluster in {data_dir}", "run: grappe up") from None
        except (ValueError, TypeError) as error:
            raise UserError(
                f"{path} is damaged: {error}", "restore it from a backup, or run: grappe delete"
            ) from error
