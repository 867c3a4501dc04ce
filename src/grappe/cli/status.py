"""`grappe status`."""

from __future__ import annotations

import sys
from typing import Any

import click

from grappe.cli.options import cluster_option, output_option
from grappe.cli.output import print_data, print_table


@click.command()
@cluster_option
@output_option
def command(name: str, output: str) -> None:
    """Show what runs and whether it is well. Exit code 1 when something is wrong."""
    from grappe.assembly import cluster
    from grappe.assembly.report import cluster_report

    report = cluster_report(cluster.load(name))
    if output == "table":
        _print(report)
    else:
        print_data(report, output)
    if report["problems"]:
        sys.exit(1)


_COLOURS = {"running": "green", "stopped": "yellow", "degraded": "red"}


def _print(report: dict[str, Any]) -> None:
    state = click.style(report["state"], fg=_COLOURS[report["state"]], bold=True)
    click.echo(f"cluster {report['cluster']}: {state}")
    click.echo(f"  API         {report['api']}")
    click.echo(f"  data        {report['dataDir']}")
    if report["simulated"]:
        click.secho("  nodes are simulated: no containers run", fg="yellow")
    click.echo()
    print_table(
        ["PROCESS", "STATE", "PID", "MEMORY", "UP"], [_process_row(p) for p in report["processes"]]
    )
    if report["nodes"]:
        click.echo()
        rows = [[n["name"], _yes(n["ready"], "Ready"), n["runtime"]] for n in report["nodes"]]
        print_table(["NODE", "STATE", "RUNTIME"], rows)
    if report["pods"]:
        click.echo()
        click.echo("pods: " + ", ".join(f"{n} {p}" for p, n in sorted(report["pods"].items())))
    if report["applications"]:
        click.echo()
        print_table(
            ["APPLICATION", "SYNC", "HEALTH", "REVISION"],
            [[a["name"], a["sync"], a["health"], a["revision"]] for a in report["applications"]],
        )
    for problem in report["problems"]:
        click.echo(click.style("\nproblem: ", fg="red", bold=True) + problem)


def _process_row(process: dict[str, Any]) -> list[str]:
    if not process["running"]:
        return [process["role"], click.style("stopped", fg="yellow"), "", "", ""]
    return [
        process["role"],
        click.style("running", fg="green"),
        str(process["pid"]),
        f"{process['memoryBytes'] / 2**20:.0f} MiB",
        _duration(process["upSeconds"]),
    ]


def _yes(fine: bool, word: str) -> str:
    return click.style(word, fg="green") if fine else click.style(f"Not{word}", fg="red")


def _duration(seconds: int) -> str:
    if seconds < 120:
        return f"{seconds}s"
    return f"{seconds // 60}m" if seconds < 7200 else f"{seconds // 3600}h"
