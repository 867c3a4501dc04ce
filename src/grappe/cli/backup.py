"""`grappe backup`."""

from __future__ import annotations

from pathlib import Path

import click

from grappe.cli.options import cluster_option
from grappe.cli.output import step


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@cluster_option
def command(file: Path, name: str) -> None:
    """Write all of a cluster's state into FILE, while it runs.

    FILE holds every object and the cluster's keys: keep it as you keep a password. Images, volumes
    and logs are not in it. Put back with: grappe restore FILE.
    """
    from grappe.assembly import backup, cluster

    config = cluster.load(name)
    with step(f"backup of cluster {name}"):
        revision = backup.save(config, file)
    click.echo(f"{file}: {file.stat().st_size / 2**20:.1f} MiB, revision {revision}")
