"""An agent in a process of its own, to be killed: `python -m tests.e2e.node_process SETTINGS`."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from grappe.base.clock import SystemClock
from grappe.client import connect
from grappe.node.agent import run
from grappe.node.runtime.containerd import ContainerdRuntime
from grappe.node.settings import NodeSettings

_PATHS = ("directory", "serving_certificate", "serving_key", "client_ca", "resolv_conf")


def arguments(settings: NodeSettings, kubeconfig: Path) -> list[str]:
    facts: dict[str, Any] = {
        name: getattr(settings, name)
        for name in ("cluster", "node_name", "node_ip", "pod_cidr", "cluster_dns", "cgroup_root")
    }
    facts |= {name: str(getattr(settings, name)) for name in _PATHS}
    text = json.dumps({"kubeconfig": str(kubeconfig), **facts})
    return [sys.executable, "-m", "tests.e2e.node_process", text]


async def main() -> None:
    facts = json.loads(sys.argv[1])
    client = connect(Path(facts.pop("kubeconfig")))
    settings = NodeSettings(**{k: Path(v) if k in _PATHS else v for k, v in facts.items()})
    await run(client, settings, ContainerdRuntime(settings.directory), SystemClock())


if __name__ == "__main__":
    asyncio.run(main())
