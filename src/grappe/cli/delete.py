"""`grappe delete`."""

from __future__ import annotations

import click

from grappe.cli.options import cluster_option
from grappe.cli.output import step


@click.command()
@cluster_option
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
def command(name: str, yes: bool) -> None:
    """Remove a cluster and every trace of it: data, network, mounts, processes, context."""
    import sys

    from grappe.assembly import cluster
    from grappe.base.errors import UserError
    from grappe.cli.up import context_name
    from grappe.client.kubeconfig_edit import remove_context

    config = cluster.load(name)
    if not yes and sys.stdin.isatty():
        click.confirm(f"Delete cluster {name} and all data in {config.data_dir}?", abort=True)
    with step(f"cluster {name} deleted") as say:
        cluster.delete(config, say)
    try:
        remove_context(None, context_name(config))
    except UserError as error:  # the cluster is gone all the same
        click.echo(f"its context stays: {error.message}", err=True)
