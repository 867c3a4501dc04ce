"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from click.shell_completion import CompletionItem


def _complete_cluster(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from grappe.assembly.cluster import names

    return [CompletionItem(name) for name in names() if name.startswith(incomplete)]


cluster_option: Callable[..., Any] = click.option(
    "--cluster",
    "-c",
    "name",
    default="default",
    metavar="NAME",
    envvar="GRAPPE_CLUSTER",
    show_default=True,
    shell_complete=_complete_cluster,
    help="Which cluster.",
)

output_option: Callable[..., Any] = click.option(
    "--output",
    "-o",
    type=click.Choice(["table", "json", "yaml"]),
    default="table",
    help="How to print.",
)
