"""`grappe kubeconfig`."""

from __future__ import annotations

import click

from grappe.base.errors import UserError
from grappe.cli.options import cluster_option


@click.command()
@cluster_option
@click.option("--path", is_flag=True, help="Print where it is instead.")
def command(name: str, path: bool) -> None:
    """Print the cluster's kubeconfig (the administrator's).

    For one shell: export KUBECONFIG=$(grappe kubeconfig --path)
    """
    from grappe.assembly import cluster

    config = cluster.load(name)
    if not config.kubeconfig.exists():
        raise UserError(f"cluster {name!r} has not been started yet", "run: grappe up")
    if path:
        click.echo(config.kubeconfig)
    else:
        click.echo(config.kubeconfig.read_text(), nl=False)
