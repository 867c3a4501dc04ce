"""`grappe down`."""

from __future__ import annotations

import click

from grappe.cli.options import cluster_option
from grappe.cli.output import step


@click.command()
@cluster_option
def command(name: str) -> None:
    """Stop a cluster; keeps its data and images. `grappe up` continues where it was."""
    from grappe.assembly import cluster

    config = cluster.load(name)
    with step(f"cluster {name} stopped") as say:
        cluster.stop(config, say)
