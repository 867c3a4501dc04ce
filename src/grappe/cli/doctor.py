"""`grappe doctor`: what is missing or broken, and the command that mends it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from grappe.base import programs
from grappe.base.config import ClusterConfig
from grappe.cli.options import cluster_option, output_option
from grappe.cli.output import print_data

_PROGRAMS = {
    "containerd": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "ip": "iproute2",
    "git": "git",
}
_OPTIONAL = {
    "slirp4netns": ("slirp4netns", "pods cannot reach other machines"),
    "conntrack": ("conntrack", "UDP clients notice late that an endpoint is gone"),
}
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's outcome; `fix` is a command or an instruction, empty when all is well."""

    check: str
    fine: bool
    detail: str
    fix: str = ""


def missing_programs() -> list[tuple[str, str]]:
    """(program, Debian package) of what a real node needs and this machine does not have."""
    from grappe.node.runtime.containerd.daemon import cni_bin_directory

    missing = [(p, package) for p, package in _PROGRAMS.items() if not programs.find(p)]
    if cni_bin_directory() is None:
        missing.append(("the CNI plugins", "containernetworking-plugins"))
    return missing


def _programs() -> Finding:
    missing = missing_programs()
    if not missing:
        return Finding("programs", True, "containerd, runc, CNI plugins, nft, ip and git are here")
    return Finding(
        "programs",
        False,
        "missing: " + ", ".join(p for p, _ in missing),
        "apt-get install " + " ".join(sorted({package for _, package in missing})),
    )


def _optional() -> Finding:
    lost = {package: loss for p, (package, loss) in _OPTIONAL.items() if not programs.find(p)}
    if not _CERTIFICATES.exists():
        lost["ca-certificates"] = "Git over https trusts nobody"
    if not lost:
        return Finding("optional", True, "slirp4netns, conntrack and ca-certificates are here")
    told = "; ".join(f"without {package} {loss}" for package, loss in lost.items())
    return Finding("optional", True, told, "apt-get install " + " ".join(lost))


def _privileges() -> Finding:
    if os.geteuid() == 0:
        return Finding("privileges", True, "root: real containers can run")
    return Finding(
        "privileges", True, "not root: pods run on simulated nodes (sudo for real containers)"
    )


def _cgroups() -> Finding:
    if (_CGROUPS / "cgroup.controllers").exists():
        return Finding("cgroups", True, "version 2")
    needed = ("cpu", "memory", "pids")
    missing = [c for c in needed if not (_CGROUPS / c).is_dir()]
    if missing:
        return Finding(
            "cgroups",
            False,
            f"no {', '.join(missing)} controller is mounted",
            "boot with systemd.unified_cgroup_hierarchy=1, or mount the controllers",
        )
    return Finding("cgroups", True, "version 1")


def _disk(where: Path) -> Finding:
    while not where.exists():
        where = where.parent
    usage = shutil.disk_usage(where)
    free = f"{usage.free / 2**30:.1f} GiB free in {where}"
    if usage.free < 2**30:
        return Finding("disk", False, free, "free at least 1 GiB, or: grappe up --data-dir DIR")
    return Finding("disk", True, free)


def _kubectl() -> Finding:
    if found := shutil.which("kubectl"):
        return Finding("kubectl", True, found)
    return Finding(
        "kubectl",
        True,
        "not on PATH: grappe does not need it, people do (https://kubernetes.io/docs/tasks/tools/)",
    )


def _of_machine() -> list[Callable[[], Finding]]:
    return [_programs, _optional, _privileges, _cgroups, _kubectl]


def _of_cluster(config: ClusterConfig) -> Iterator[Finding]:
    from grappe.assembly.report import cluster_report

    report = cluster_report(config)
    if report["state"] == "stopped":
        yield Finding("cluster", True, f"{config.name} is stopped (grappe up continues it)")
        return
    for problem in report["problems"]:
        yield Finding("cluster", False, *problem.split("; ", 1))
    if not report["problems"]:
        yield Finding("cluster", True, f"{config.name} is running and well")
    if not config.simulate and os.geteuid() == 0 and report["state"] != "stopped":
        from grappe.network import egress, namespace

        if egress.running(config) is None:
            how = "" if egress.available() else " (apt-get install slirp4netns opens the way out)"
            yield Finding("egress", True, f"pods reach this machine only{how}")
        for problem in namespace.problems(config):
            yield Finding(
                "network", False, problem, "grappe down and grappe up make the network anew"
            )


@click.command()
@cluster_option
@output_option
def command(name: str, output: str) -> None:
    """Say what is missing or broken on this machine and in this cluster, and how to mend it.

    Exit code 1 when something is.
    """
    from grappe.assembly import cluster

    findings = [check() for check in _of_machine()]
    findings.append(_disk(cluster.data_dir_of(name)))
    if cluster.exists(name):
        findings += _of_cluster(cluster.load(name))
    if output == "table":
        _print(findings)
    else:
        print_data([asdict(finding) for finding in findings], output)
    if not all(finding.fine for finding in findings):
        sys.exit(1)


def _print(findings: list[Finding]) -> None:
    for finding in findings:
        mark = click.style("✔", fg="green") if finding.fine else click.style("✘", fg="red")
        click.echo(f"{mark} {finding.check:<11} {finding.detail}")
        if finding.fix:
            click.echo(f"  {click.style('fix', fg='green'):<11}          {finding.fix}")
