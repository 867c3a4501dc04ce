"""The root command: names the others, and imports one only when it is typed."""

from __future__ import annotations

from importlib import import_module

import click

import grappe

_COMMANDS = {
    "up": "start a cluster, or continue one",
    "down": "stop a cluster; keeps its data and images",
    "delete": "remove a cluster and every trace of it",
    "status": "show what runs and whether it is well",
    "kubeconfig": "print the cluster's kubeconfig",
    "logs": "show a component's log",
    "backup": "write all of a running cluster's state into one file",
    "restore": "put a cluster back as it was, from a file or at a time",
    "image": "put container images into the cluster, list them",
    "doctor": "say what is missing or broken, and how to mend it",
    "demo": "from a Git repository to a running application",
    "completion": "print shell completion",
}


class _Lazy(click.Group):
    """Finds `grappe.cli.<name>.command` on demand, so that `up` does not load `demo`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"grappe.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(grappe.__version__, prog_name="grappe")
def root() -> None:
    """Kubernetes, complete, in one Python package.

    Try `grappe demo`, or `grappe up` and then kubectl.
    """
