"""GitOps: Argo CD Applications. Sources in, diff against live objects, sync, health.

A platform feature: knows only the Kubernetes API; must never import a server package. Where to
look: `sources` reads Git, `render` makes objects of files, `desired` joins the two, `live` and
`diff` know the cluster, `autosync` and `sync` decide and act, `report` tells.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grappe.base.clock import Clock
    from grappe.client.interface import Client


async def run(
    client: Client, work_dir: Path, clock: Clock, *, remote_seconds: float = 180.0
) -> None:
    """Deliver every Application of the cluster until cancelled.

    `work_dir` holds copies of repositories and may be deleted whenever this does not run.
    Repositories elsewhere are asked for new commits every `remote_seconds`; those on this machine
    are noticed within about a second.
    """
    from grappe.delivery.controller import Delivery
    from grappe.delivery.install import install

    await install(client)
    await Delivery(client, work_dir, clock, remote_seconds=remote_seconds).run()
