"""`grappe image`."""

from __future__ import annotations

from pathlib import Path

import click

from grappe.base.config import ClusterConfig
from grappe.base.errors import UserError
from grappe.cli.options import cluster_option, output_option
from grappe.cli.output import print_data, print_table, step


@click.group()
def command() -> None:
    """Put container images into the cluster, list them."""


def _real_cluster(name: str) -> ClusterConfig:
    from grappe.assembly import cluster, supervisor

    config = cluster.load(name)
    if config.simulate:
        raise UserError(
            f"cluster {name!r} has simulated nodes: it holds no images",
            "simulated pods need none; as root, `grappe up` without --simulate runs containers",
        )
    if not supervisor.running(config, "node"):
        raise UserError(f"cluster {name!r} is not running", f"run: grappe up --cluster {name}")
    return config


@command.command("load")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@cluster_option
def load(file: Path, name: str) -> None:
    """Load FILE: an OCI or Docker image archive (buildah push oci-archive:…, docker save)."""
    from grappe.assembly.node import load_image

    config = _real_cluster(name)
    with step(f"{file} loaded"):
        names = load_image(config, file)
    for image in names:
        click.echo(image)


@command.command("ls")
@cluster_option
@output_option
def ls(name: str, output: str) -> None:
    """List the node's images."""
    from grappe.assembly.node import list_images

    images = list_images(_real_cluster(name))
    if output != "table":
        print_data(images, output)
        return
    rows = [
        [tag, image["id"].removeprefix("sha256:")[:12], f"{image['size'] / 2**20:.1f} MiB"]
        for image in images
        for tag in (image["tags"] or ["<none>"])
    ]
    print_table(["IMAGE", "ID", "SIZE"], sorted(rows))
