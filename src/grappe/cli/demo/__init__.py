"""`grappe demo`: from a Git repository to a running application, told step by step.

`image` builds with buildah, `repository` keeps the Git repository, `ports` finds one that is free,
`traffic` counts requests, and `story` tells it all in order. Must never use more than every user
has: the command line and a kubeconfig.
"""

from __future__ import annotations

import asyncio
import os

import click

from grappe.base.errors import UserError


@click.command()
@click.option(
    "--cluster", "-c", "name", default="demo", show_default=True, help="The cluster to use or make."
)
@click.option("--delete", "delete_after", is_flag=True, help="Delete the cluster at the end.")
@click.pass_context
def command(ctx: click.Context, name: str, delete_after: bool) -> None:
    """From a Git repository to a running application.

    Starts a cluster, builds a small web application, lets an Argo CD Application deploy it from
    Git, calls it, rolls out a change without a failed request, and heals what is deleted by hand.
    """
    from grappe.assembly import cluster
    from grappe.cli import delete, up
    from grappe.cli.demo.story import example_dir, tell, what_next

    if os.geteuid() != 0:
        raise UserError(
            "the demo runs real containers, which needs root",
            "sudo ./grappe demo; without root: grappe up --simulate 1",
        )
    example = example_dir()
    ctx.invoke(up.command, name=name)
    config = cluster.load(name)
    url = asyncio.run(tell(config, example))
    if delete_after:
        ctx.invoke(delete.command, name=name, yes=True)
    else:
        what_next(config, url)
