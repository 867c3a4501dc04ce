"""`grappe up`."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

import click

from grappe.base.config import ClusterConfig
from grappe.base.errors import UserError
from grappe.cli.options import cluster_option
from grappe.cli.output import step


@click.command()
@cluster_option
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where everything of the cluster is kept.  [default: /var/lib/grappe/NAME as root, "
    "else ~/.local/share/grappe/NAME]",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="The API server's port on 127.0.0.1; 0 picks one.  [default: 6443, or a free one]",
)
@click.option(
    "--simulate",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="N simulated nodes: no containers, no root needed.",
)
@click.option(
    "--audit-policy",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="What the audit log tells, an audit.k8s.io/v1 Policy; the cluster keeps it.",
)
@click.option(
    "--audit-webhook-config-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Where audit events are sent besides, a kubeconfig; the cluster keeps it.",
)
@click.option(
    "--authentication-config",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Whose tokens are accepted besides the cluster's own: an AuthenticationConfiguration, "
    "kept in the cluster from then on.",
)
@click.option(
    "--admission-control-config-file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Who is exempt from Pod Security and what counts by default: an AdmissionConfiguration, "
    "kept likewise.",
)
@click.option("--foreground", is_flag=True, help="Stay, and stop the cluster on Ctrl-C.")
def command(
    name: str,
    data_dir: Path | None,
    port: int | None,
    simulate: int | None,
    foreground: bool,
    **given: Path | None,
) -> None:
    """Start a cluster, or continue one.

    Returns when the API answers and the nodes are Ready, and merges the context grappe-NAME into
    your kubeconfig.
    """
    from grappe.assembly import cluster, given_files, supervisor

    started = time.monotonic()
    cluster.check_name(name)
    given_files.check(given)
    known = cluster.exists(name)
    if known:
        config = cluster.load(name)
        if data_dir and data_dir.resolve() != config.data_dir.resolve():
            raise click.UsageError(f"cluster {name!r} lives in {config.data_dir}")
        if supervisor.running(config):
            _refuse_changes(config, port, simulate, given_files.new(config, given))
            _wait_until_ready(config)
            _farewell(config, started, "is already up")
            return
        config = cluster.settle(config, port, simulate)
    else:
        config = cluster.create(name, data_dir, port, _nodes(simulate))
    given_files.keep(config, given)
    if not config.simulate:
        _require_real_node()
    if foreground:
        cluster.prepare(config)
        _merge_context(config)
        click.echo(f"cluster {name} runs in the foreground; Ctrl-C stops it", err=True)
        cluster.run_in_foreground(config)
        return
    with step("certificates"):
        cluster.start(config)
    _wait_until_ready(config)
    _farewell(config, started, "is up")


def _refuse_changes(
    config: ClusterConfig,
    port: int | None,
    simulate: int | None,
    files: Sequence[Path],
) -> None:
    """A running cluster keeps its port, nodes and files; whoever asks for others is told."""
    asked = [f"port {port}"] if port not in (None, 0, config.port) else []
    asked += [f"{simulate} simulated nodes"] if simulate not in (None, config.simulate) else []
    asked += [f"what {file} says" for file in files]
    if asked:
        raise UserError(
            f"cluster {config.name!r} runs already, without {' and '.join(asked)}",
            f"run: grappe down --cluster {config.name}, then grappe up again",
        )


def _nodes(simulate: int | None) -> int:
    """How many simulated nodes; 0 for a real one, which only root can have."""
    if simulate:
        return simulate
    if os.geteuid() == 0:
        _require_real_node()
        return 0
    click.secho(
        "not root: pods run on one simulated node; `sudo grappe up` runs real containers",
        fg="yellow",
        err=True,
    )
    return 1


def _require_real_node() -> None:
    from grappe.cli.doctor import missing_programs

    if os.geteuid() != 0:
        raise UserError(
            "a real node needs root", "run it as root, or: grappe up --simulate 1 --cluster NAME"
        )
    missing = missing_programs()
    if missing:
        packages = " ".join(sorted({package for _, package in missing}))
        raise UserError(
            "not installed: " + ", ".join(program for program, _ in missing),
            f"apt-get install {packages}; or run simulated nodes: grappe up --simulate 1",
        )


def _wait_until_ready(config: ClusterConfig) -> None:
    from grappe.assembly import cluster

    with step("API server"):
        cluster.wait_for_api(config)
    nodes = f"{config.simulate} simulated nodes" if config.simulate else "node"
    with step(f"{nodes} Ready"):
        cluster.wait_for_nodes(config)


def context_name(config: ClusterConfig) -> str:
    return f"grappe-{config.name}"


def _merge_context(config: ClusterConfig) -> Path:
    """By file names, not copies, so that it stays good when the certificates are renewed."""
    import yaml

    from grappe.client.kubeconfig_edit import merge_context

    admin = yaml.safe_load(config.kubeconfig.read_text())
    pki = config.pki_dir
    admin["clusters"][0]["cluster"] = {
        "server": admin["clusters"][0]["cluster"]["server"],
        "certificate-authority": str(pki / "ca.crt"),
    }
    admin["users"][0]["user"] = {
        "client-certificate": str(pki / "admin.crt"),
        "client-key": str(pki / "admin.key"),
    }
    return merge_context(None, context_name(config), admin)


def _is_current(context: str) -> bool:
    """Whether kubectl uses the context without being told."""
    from grappe.client.kubeconfig import default_paths, merged

    return bool(merged(default_paths()).get("current-context") == context)


def _farewell(config: ClusterConfig, started: float, what: str) -> None:
    merged = _merge_context(config)
    context = context_name(config)
    took = time.monotonic() - started
    click.echo(f"cluster {click.style(config.name, bold=True)} {what} ({took:.1f} s)")
    click.echo(f"  API         https://127.0.0.1:{config.port}")
    click.echo(f"  kubeconfig  {config.kubeconfig}")
    use = "kubectl uses it" if _is_current(context) else f"kubectl --context {context}"
    click.echo(f"  context     {context} (merged into {merged}; {use})")
    if config.simulate:
        click.echo(f"  nodes       {config.simulate} simulated: no containers run")
    click.echo("  try         kubectl get nodes; grappe status; grappe demo")
