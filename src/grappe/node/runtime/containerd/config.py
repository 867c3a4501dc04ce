"""containerd's config.toml for a private instance (pure text; version 2 is read by 1.6 to 2.x).

https://github.com/containerd/containerd/blob/main/docs/cri/config.md
"""

from __future__ import annotations

import json

from grappe.node.runtime.containerd.paths import Paths

CAP_SYS_RESOURCE = 24


def may_lower_oom_score(status: str) -> bool:
    """Whether `/proc/self/status` shows CAP_SYS_RESOURCE, without which runc cannot give a
    container a negative OOM score and dies."""
    for line in status.splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> CAP_SYS_RESOURCE & 1)
    return False


def render(paths: Paths, *, cni_bin: str, pause_image: str, may_lower_oom: bool) -> str:
    """The configuration file. Paths are quoted as TOML basic strings (JSON's are a subset)."""
    q = json.dumps
    return f"""# Written by grappe at every start; changes are lost.
version = 2
root = {q(str(paths.root))}
state = {q(str(paths.state))}
disabled_plugins = [
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
  "io.containerd.internal.v1.tracing",
  "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.internal.v1.opt",
]

[grpc]
address = {q(str(paths.socket))}

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = {q(pause_image)}
restrict_oom_score_adj = {"false" if may_lower_oom else "true"}
netns_mounts_under_state_dir = true
enable_unprivileged_ports = true
enable_unprivileged_icmp = true
stream_server_address = "127.0.0.1"
stream_server_port = "0"
max_container_log_line_size = 16384

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = {q(cni_bin)}
conf_dir = {q(str(paths.cni_config))}

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = {q(str(paths.registries))}

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
Root = {q(str(paths.runc_root))}
SystemdCgroup = false
"""
