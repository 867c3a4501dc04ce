"""The platform process: GitOps and what comes after it, each a client through a kubeconfig.

`python -m grappe.assembly.platform DATA_DIR`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from grappe.base.clock import SystemClock
from grappe.base.config import ClusterConfig
from grappe.base.logging import setup
from grappe.base.tasks import run_until_signalled
from grappe.client import connect
from grappe.delivery import run as run_delivery


async def run(config: ClusterConfig) -> None:
    """Every platform feature on one client, until SIGTERM."""
    client = connect(config.kubeconfig_of("platform"))
    try:
        await run_until_signalled(
            {"delivery": run_delivery(client, config.platform_dir / "delivery", SystemClock())}
        )
    finally:
        await client.close()


def main() -> None:
    setup()
    asyncio.run(run(ClusterConfig.load(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
