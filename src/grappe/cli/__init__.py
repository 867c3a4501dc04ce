"""What people type: parses, prints, calls assembly. Must never decide anything about a cluster.

`main` turns every UserError into two lines, what is wrong and how to mend it; anything else that
escapes is a bug and is shown as one, with where to find the log.
"""

from __future__ import annotations

import os
import sys


def main() -> None:
    """The `grappe` command."""
    from grappe.cli.commands import root

    sys.exit(run(root))


def run(command: object) -> int:
    """Run a click command; the exit code."""
    import click

    from grappe.api.errors import ApiError
    from grappe.base.errors import UserError
    from grappe.client.interface import TransportError

    assert isinstance(command, click.Command)
    try:
        command.main(prog_name="grappe", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("interrupted", err=True)
        return 130
    except UserError as error:
        return _report(error.message, error.fix)
    except ApiError as error:
        return _report(f"the API server refused: {error.message}", "")
    except TransportError as error:
        return _report(f"the API server does not answer: {error}", "run: grappe status")
    except Exception as error:
        if os.environ.get("GRAPPE_DEBUG"):
            raise
        return _report(
            f"this is a bug in grappe: {type(error).__name__}: {error}",
            "run it again with GRAPPE_DEBUG=1 and report what it prints",
        )
    return 0


def _report(problem: str, fix: str) -> int:
    import click

    click.secho("error: ", fg="red", bold=True, nl=False, err=True)
    click.echo(problem, err=True)
    if fix:
        click.secho("fix:   ", fg="green", bold=True, nl=False, err=True)
        click.echo(fix, err=True)
    return 1
