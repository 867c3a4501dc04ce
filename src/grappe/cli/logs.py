"""`grappe logs`."""

from __future__ import annotations

import time
from collections import deque
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from grappe.base.config import ClusterConfig
from grappe.base.errors import UserError
from grappe.cli.options import cluster_option


def _files(config: ClusterConfig) -> dict[str, Path]:
    found = {p.stem: p for p in sorted(config.log_dir.glob("*.log"))}
    containerd = config.node_dir / "containerd" / "containerd.log"
    return {**found, "containerd": containerd} if containerd.exists() else found


def _complete(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from grappe.assembly import cluster

    found = _files(cluster.load(ctx.params.get("name") or "default"))
    return [CompletionItem(c) for c in found if c.startswith(incomplete)]


@click.command()
@click.argument("component", shell_complete=_complete)
@cluster_option
@click.option("--follow", "-f", is_flag=True, help="Keep printing what comes.")
@click.option("--tail", type=click.IntRange(0), default=200, show_default=True, metavar="LINES")
def command(component: str, name: str, follow: bool, tail: int) -> None:
    """Show a component's log: server, node, platform, supervisor, containerd.

    For a pod's log: kubectl logs.
    """
    from grappe.assembly import cluster

    config = cluster.load(name)
    files = _files(config)
    if component not in files:
        raise UserError(
            f"there is no log of {component!r}", f"one of: {', '.join(files) or 'none yet'}"
        )
    with files[component].open(errors="replace") as log:
        for line in deque(log, maxlen=tail):
            click.echo(line, nl=False)
        while follow:
            if line := log.readline():
                click.echo(line, nl=False)
            else:
                time.sleep(0.2)
