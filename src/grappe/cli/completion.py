"""`grappe completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(shell: str) -> None:
    """Print shell completion.

    For bash: eval "$(grappe completion bash)" in ~/.bashrc.
    """
    from grappe.cli.commands import root

    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(root, {}, "grappe", "_GRAPPE_COMPLETE").source())
