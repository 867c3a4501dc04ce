"""Where the private containerd keeps its things, all derived from the node's directory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

_SOCKET_LIMIT = 97
"""containerd takes paths of 104 bytes at most, and appends `.ttrpc` to ours."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Files of one private containerd under `directory`."""

    directory: Path

    @property
    def root(self) -> Path:
        """Images and snapshots: kept over `down`."""
        return self.directory / "containerd" / "root"

    @property
    def state(self) -> Path:
        """What runs: sandboxes' namespaces, rootfs mounts, FIFOs."""
        return self.directory / "containerd" / "state"

    @property
    def runc_root(self) -> Path:
        return self.directory / "containerd" / "runc"

    @property
    def config(self) -> Path:
        return self.directory / "containerd" / "config.toml"

    @property
    def pid_file(self) -> Path:
        return self.directory / "containerd" / "containerd.pid"

    @property
    def log(self) -> Path:
        return self.directory / "containerd" / "containerd.log"

    @property
    def registries(self) -> Path:
        """`<host>/hosts.toml` files: mirrors and plain-HTTP registries."""
        return self.directory / "containerd" / "certs.d"

    @property
    def cni_config(self) -> Path:
        """CNI network configurations; the network package writes them."""
        return self.directory / "cni" / "net.d"

    @property
    def socket(self) -> Path:
        """Under the directory when its path is short enough for a socket, else in /run."""
        near = self.directory / "containerd" / "containerd.sock"
        if len(str(near)) <= _SOCKET_LIMIT:
            return near
        return self.run_directory / "containerd.sock"

    @property
    def run_directory(self) -> Path:
        digest = hashlib.sha256(str(self.directory).encode()).hexdigest()[:12]
        return Path("/run") / f"grappe-node-{digest}"
