"""`grappe restore`."""

from __future__ import annotations

import sys
from pathlib import Path

import click
from click.core import ParameterSource

from grappe.base.clock import parse_rfc3339, rfc3339
from grappe.base.errors import UserError
from grappe.cli.options import cluster_option


@click.command()
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--to", "moment", metavar="TIME", help="As it was then: 2026-01-31T12:00:00Z.")
@cluster_option
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where to put a cluster that is not on this machine yet.",
)
@click.option("--yes", "-y", is_flag=True, help="Do not ask.")
@click.pass_context
def command(
    context: click.Context,
    file: Path | None,
    moment: str | None,
    name: str,
    data_dir: Path | None,
    yes: bool,
) -> None:
    """Put a stopped cluster back as it was.

    From FILE, made by grappe backup; or, without it, from the archive that every cluster keeps of
    its last days, at --to TIME or as new as it gets. The present database is kept beside the
    restored one.

    FILE knows its cluster. With --cluster NAME it becomes another one of that name, beside the
    first: to look into it, or to try what comes next.
    """
    from grappe.assembly import backup, cluster

    until = _moment(moment)
    if file is None and data_dir is not None:
        raise click.UsageError("--data-dir is for a backup FILE; a cluster has its directory")
    if file is not None:
        saved = backup.read(file)[0]["cluster"]
        if context.get_parameter_source("name") is ParameterSource.DEFAULT:
            name = saved
    if cluster.exists(name):
        backup.require_stopped(cluster.load(name))
        if not yes and sys.stdin.isatty():
            click.confirm(f"Replace the state of cluster {name}?", abort=True)
    if file is not None:
        config, newest = backup.load(file, until, name, data_dir)
    else:
        config = cluster.load(name)
        newest = backup.rewind(config, until)
    click.echo(f"cluster {name} is as it was at {rfc3339(newest)}")
    if (before := config.database.with_name("state.db.before-restore")).exists():
        click.echo(f"  before      {before}")
    click.echo(f"  start it    grappe up --cluster {name}")


def _moment(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return parse_rfc3339(text)
    except ValueError:
        raise UserError(f"{text!r} is no time", "write it as 2026-01-31T12:00:00Z") from None
