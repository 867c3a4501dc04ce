"""The CNI configuration containerd reads: how a pod is connected to the node.

`ptp` gives each pod a veth pair of its own and a host route on the node, `host-local` its address
(https://www.cni.dev/plugins/current/main/ptp/). containerd adds the loopback itself.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from grappe.base.config import ClusterConfig

FILE = "10-grappe.conflist"
MTU = 1500


def conflist(config: ClusterConfig) -> dict[str, Any]:
    """The network list; leases of addresses are kept under the node's own directory."""
    return {
        "cniVersion": "0.4.0",
        "name": "grappe",
        "plugins": [
            {
                "type": "ptp",
                "ipMasq": False,
                "mtu": MTU,
                "ipam": {
                    "type": "host-local",
                    "dataDir": str(config.node_dir / "cni"),
                    "ranges": [[{"subnet": config.pod_cidr}]],
                    "routes": [{"dst": "0.0.0.0/0"}],
                },
            }
        ],
    }


def write(conf_dir: Path, config: ClusterConfig) -> Path:
    """Write the network list into `conf_dir`, atomically; returns its path."""
    conf_dir.mkdir(parents=True, exist_ok=True)
    path = conf_dir / FILE
    draft = conf_dir / f".{FILE}.tmp"
    draft.write_text(json.dumps(conflist(config), indent=2) + "\n")
    os.replace(draft, path)
    return path
