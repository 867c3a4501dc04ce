"""How the command line speaks: steps with progress, tables, JSON and YAML."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click


def print_data(data: Any, output: str) -> None:
    """Machine-readable output; `output` is json or yaml."""
    if output == "json":
        click.echo(json.dumps(data, indent=2))
    else:
        import yaml

        click.echo(yaml.safe_dump(data, sort_keys=False), nl=False)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Plain aligned columns, as kubectl prints them."""
    widths = [max(len(click.unstyle(r[i])) for r in [columns, *rows]) for i in range(len(columns))]
    for row in [[click.style(c, bold=True) for c in columns], *rows]:
        cells = [
            cell + " " * (width - len(click.unstyle(cell)))
            for cell, width in zip(row, widths, strict=True)
        ]
        click.echo("   ".join(cells).rstrip())


@contextmanager
def step(text: str) -> Iterator[Callable[[str], None]]:
    """One step of a longer command: a spinner on terminals, then a tick and the time it took.

    Yields a function that says what the step is doing right now.
    """
    started = time.monotonic()
    if sys.stderr.isatty():
        from rich.console import Console

        status = Console(stderr=True).status(text)
        with status:
            yield lambda detail: status.update(f"{text}: {detail}")
    else:
        yield lambda detail: None
    took = time.monotonic() - started
    tick = click.style("✔", fg="green")
    click.echo(f"{tick} {text} {click.style(f'({took:.1f} s)', dim=True)}", err=True)
